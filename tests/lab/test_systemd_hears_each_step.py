"""
    r1 ── lan

Type=notify: READY after the start, RELOADING and READY around a reload, WATCHDOG while all is well, STOPPING at the end.
"""

import re
import signal
import socket

import pytest

from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for

pytestmark = pytest.mark.xdirector


def test_systemd_hears_each_step(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    path = r1.directory / "notify"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(path))
    listener.setblocking(False)
    heard = []

    def lines():
        try:
            while True:
                heard.extend(listener.recv(4096).decode().splitlines())
        except BlockingIOError:
            return heard

    def wait_line(pattern):
        wait_for(lambda: any(re.fullmatch(pattern, line) for line in lines()), f"'{pattern}' among what systemd heard: {heard}")

    daemon = under_test(r1, instance(priority=150, version=3, advert=0.2),
                        environment={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1000000"})
    wait_line("READY=1")
    wait_line("STATUS=.+")
    wait_line("WATCHDOG=1")
    heard.clear()
    daemon.send(signal.SIGHUP)
    wait_line("RELOADING=1")
    wait_line("READY=1")
    assert lines().index("RELOADING=1") < heard.index("READY=1")
    heard.clear()
    assert daemon.stop() == 0
    wait_line("STOPPING=1")
