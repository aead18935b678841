"""
    r1 ── lan

--config-fd: the daemon reads its text from a descriptor that it was started with, and -f only says what it is called. A file is read
again at SIGHUP; what came through a pipe stays.
"""

import pytest

from lib.daemon import UNDER_TEST, Daemon
from lib.pairs import RouterPair, instance
from lib.wait import wait_for

pytestmark = pytest.mark.xdirector

FIRST, SECOND = "192.0.2.10", "192.0.2.11"


@pytest.mark.parametrize("way", ["file", "pipe"])
def test_configuration_comes_by_a_descriptor(lab, way):
    pair = RouterPair(lab, 1)
    r1 = pair.routers[0]
    text, starter = r1.directory / "inherited.conf", r1.directory / "starter"
    text.write_text(instance(vips=(f"{FIRST}/24",)))
    opened = f"exec 9<{text}" if way == "file" else f"cat {text} |"
    descriptor = 9 if way == "file" else 0
    starter.write_text(f'#!/bin/sh\n{opened}{";" if way == "file" else ""} exec {UNDER_TEST} --config-fd={descriptor} "$@"\n')
    starter.chmod(0o755)
    daemon = Daemon(r1, "this file is not read\n", program=starter).start()
    pair.wait_holder("r1", FIRST)

    text.write_text(instance(vips=(f"{SECOND}/24",)))
    said = daemon.mark()
    daemon.reload()
    if way == "file":
        pair.wait_holder("r1", SECOND)
        wait_for(lambda: not r1.holds(FIRST), "the old address to go")
    else:
        daemon.wait_log("Reload finished", since=said)
        assert r1.holds(FIRST) and not r1.holds(SECOND)
    assert "not read" not in daemon.text()
