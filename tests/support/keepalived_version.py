"""The keepalived that is installed, for tests that compare texts and verdicts: releases differ in what they refuse and in what they print.
2.2.8 wants tracked files to exist, takes each path of HTTP_GET for its second, and prints three more lines for an instance.
"""

import re
import shutil
import subprocess

COMPARED = "2.2.7"


def installed():
    if shutil.which("keepalived") is None:
        return "none"
    return re.search(r"v([\d.]+)", subprocess.run(["keepalived", "--version"], capture_output=True, text=True).stderr).group(1)


INSTALLED = installed()
IS_ANOTHER = INSTALLED != COMPARED
REASON = f"compared with keepalived {COMPARED}; installed is {INSTALLED}"
