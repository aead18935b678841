"""Whole texts compared: the printed model of each sample, the diagnostics of each wrong file.

A wrong file may begin with further options ("# conf_check -s"). XD_UPDATE_GOLDEN=1 writes the files anew; look at the difference before committing it.
"""

import os
import re
from pathlib import Path

import pytest

from lib.compilers import ROOT, conf_check

HERE = Path(__file__).parent
SAMPLES = sorted((ROOT / "conf/samples").glob("*.conf"))
ERRORS = sorted((HERE / "errors").glob("*.conf"))
UPSTREAM = sorted(Path("/usr/share/doc/keepalived/samples").glob("keepalived.conf.*"))


def compare(path, text):
    if os.environ.get("XD_UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_sample_means_this(sample):
    compare(HERE / "golden" / f"{sample.stem}.conf", conf_check("-p", sample)[1])


@pytest.mark.parametrize("wrong", ERRORS, ids=lambda path: path.stem)
def test_wrong_file_is_told_this(wrong):
    more = re.match("# conf_check (.*)", wrong.read_text(errors="replace"))
    options = ["-I", "eth0,eth1", "-A", "eth0=10.1.0.1/24,eth1=10.2.0.1/24"] + (more[1].split() if more else [])
    status, _, diagnostics = conf_check(*options, wrong)
    compare(wrong.with_suffix(".txt"), f"{diagnostics}exit {status}\n")


@pytest.mark.parametrize("path", SAMPLES + ERRORS + UPSTREAM, ids=lambda path: path.name)
def test_bundle_and_printed_text_mean_the_same(path):
    status, printed, _ = conf_check("-m", path)
    assert status < 100, printed
