"""
    r1 (100) ──┐
               ├── lan ── client       nginx on both, looked after by a shell script every 3 s
    r2 (99)  ──┘

conf/samples/nginx-pair.conf and nginx-pair.backup.conf. nginx of the master is killed: the address moves to the other, with its label
eth0:0. nginx is back: so is the address, because nopreempt contradicts state MASTER and is cleared, with a warning.
"""

import re
import signal

import pytest

from lib.pairs import RouterPair, under_test
from lib.samples import sample
from lib.wait import wait_for
from lib.web import Web, ask

VIP = "192.168.0.174"

CHECK = """#!/bin/sh
# What people write: nginx is there, or this node does not want the address.
killall -0 nginx
"""


@pytest.mark.timeout(180)
def test_sample_nginx_pair(lab, capture):
    pair = RouterPair(lab, network="192.168.0")
    wire = capture(pair.lan)
    text = sample("nginx-pair")
    script = re.search(r'vrrp_script\s+\w+\s*\{[^}]*?script\s+"?(/[^\s"]+)', text)[1]
    webs = {}
    for node in pair.routers:
        node.own("/etc")
        node.write(script, CHECK, 0o755)
        webs[node.name] = Web(node).start()
    daemons = [under_test(pair.routers[0], text), under_test(pair.routers[1], sample("nginx-pair.backup"))]
    pair.wait_holder("r1", VIP, 30)
    assert "eth0:0" in pair.routers[0].run("ip -o addr show dev eth0")
    wait_for(lambda: set(ask(pair.client, VIP)) == {"r1"}, "nginx of r1 to answer")

    webs["r1"].process.stop(signal.SIGKILL)
    pair.wait_holder("r2", VIP, 60)
    wait_for(lambda: set(ask(pair.client, VIP)) == {"r2"}, "nginx of r2 to answer")
    webs["r1"].start()
    pair.wait_holder("r1", VIP, 60)
    assert "nopreempt" in daemons[0].text()
    assert wire.adverts()[-1].password == b"1111\0\0\0\0"
    assert {advert.vrid for advert in wire.adverts()} == {254}
    assert wire.complaints(lab.directory) == []
    assert [daemon.stop() for daemon in daemons] == [0, 0]
