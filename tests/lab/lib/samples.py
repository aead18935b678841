"""The files of conf/samples as the nodes of a pair run them: the same file with another state and priority."""

import re

from .daemon import ROOT

SAMPLES = ROOT / "conf/samples"


def sample(name, priority=None, state=None):
    text = (SAMPLES / f"{name}.conf").read_text()
    if priority is not None:
        text, count = re.subn(r"(?m)^(\s*priority\s+)\d+", rf"\g<1>{priority}", text)
        assert count, f"{name} has no priority line"
    if state is not None:
        text, count = re.subn(r"(?m)^(\s*state\s+)\w+", rf"\g<1>{state}", text)
        assert count, f"{name} has no state line"
    return text
