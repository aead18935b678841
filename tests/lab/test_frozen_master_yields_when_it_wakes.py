"""
    r1 (100) ──┐
               ├── lan      version 3, adverts every 200 ms
    r2 (200, nopreempt) ──┘

The vrrp process of the master is stopped (SIGSTOP). Its silence is a silence: the backup takes over. Continued, the old master finds
itself late, and hears what came meanwhile before it speaks: not one more advert of it, and its address goes.

Then the whole daemon of the new master is stopped for less than master-down: nothing happens.
"""

import signal
import time

from lib.pairs import RouterPair, instance, under_test

VIP = "192.0.2.10"


def test_frozen_master_yields_when_it_wakes(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    frozen = under_test(r1, instance(priority=100, version=3, advert=0.2))
    pair.wait_holder("r1", VIP)
    other = under_test(r2, instance(priority=200, version=3, advert=0.2, extra="nopreempt"))
    other.wait_log("Entering BACKUP STATE")
    wire.wait_advert(source="192.0.2.1")

    frozen.send(signal.SIGSTOP, "vrrp")
    wire.wait_advert(source="192.0.2.2")
    since = wire.mark()
    for _ in range(3):  # it is established
        wire.wait_advert(source="192.0.2.2")
    frozen.send(signal.SIGCONT, "vrrp")
    pair.wait_holder("r2", VIP)
    for _ in range(5):
        wire.wait_advert(source="192.0.2.2")
    assert wire.adverts(since, source="192.0.2.1") == []

    since = wire.mark()
    wire.wait_advert(source="192.0.2.2")
    r2.run(["sh", "-c", "kill -STOP -1"])
    time.sleep(0.3)  # less than master-down, 0.72 s: the length of the stall is the subject
    r2.run(["sh", "-c", "kill -CONT -1"])
    for _ in range(10):
        wire.wait_advert(source="192.0.2.2")
    assert wire.turns(since) == ["192.0.2.2"]
    assert pair.holders(VIP) == ["r2"]
