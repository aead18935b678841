"""
    web1  10.0.0.1 ---- client  10.0.0.9

The digest that `xdirectord -T` prints is the one that Debian's genhash prints and that HTTP_GET compares.
"""

import hashlib
import os
from pathlib import Path

import pytest

from lib.web import Web

pytestmark = pytest.mark.xdirector

DAEMON = Path(os.environ["XD_BUILD_DIR"]) / "userspace/daemon/xdirectord"
PAGE = ["-s", "10.0.0.1", "-p", "80", "-u"]


@pytest.fixture
def client(lab):
    lan = lab.switch("lan")
    Web(lab.node("web1").join(lan, "eth0", "10.0.0.1/24")).start()
    return lab.node("client").join(lan, "eth0", "10.0.0.9/24")


def test_digests_are_genhashs(client, lab):
    link = lab.directory / "genhash"
    link.symlink_to(DAEMON)
    for path in ("/big", "/health", "/missing"):
        for more in ([], ["-P", "1.1"], ["-V", "www.example.com"], ["-P", "1.0C", "-t", "3"]):
            theirs = client.run(["/usr/bin/genhash", *PAGE, path, *more])
            assert client.run([DAEMON, "-T", *PAGE, path, *more]) == theirs
            assert client.run([link, *PAGE, path, *more]) == theirs
    body = hashlib.md5(bytes(range(33, 127)) * 3200).hexdigest()
    assert client.run([DAEMON, "--genhash", *PAGE, "/big"]) == body + "\n"


def test_what_goes_wrong_is_said(client):
    told = client.run([DAEMON, "-T", "-s", "10.0.0.1", "-p", "81", "-u", "/"], check=False)
    assert told.returncode == 1 and told.stdout == ""
    assert told.stderr == "genhash: 10.0.0.1:81: connection refused\n"
    told = client.run([DAEMON, "-T", "-s", "10.0.0.1"], check=False)
    assert told.returncode == 1 and "--port is required" in told.stderr
    assert "--use-sni" in client.run([DAEMON, "-T", "--help"])
