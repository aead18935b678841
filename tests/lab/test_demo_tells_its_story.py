"""scripts/demo, from its first line to its last: what the README promises a newcomer."""

import subprocess

import pytest

from lib.daemon import ROOT

pytestmark = pytest.mark.xdirector


@pytest.mark.timeout(240)
def test_demo_tells_its_story():
    done = subprocess.run(["/usr/bin/python3", ROOT / "tests/lab/demo.py"], capture_output=True, text=True, timeout=230)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert "web1: 10, web2: 10, web3: 10" in done.stdout
    assert "web1: 15, web3: 15" in done.stdout
    assert "d1 is master" in done.stdout and "d2 heard d1 last" in done.stdout
    assert "xd_services" in done.stdout
