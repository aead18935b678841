"""
    r1 (200, preempt_delay 3) ──┐
                                ├── lan
    r2 (100) ───────────────────┘

A better router that comes back waits preempt_delay before it takes over from a lower one, and does not wait when that one dies. The same with
vrrp_startup_delay, which holds everything: until it has passed, nothing is heard and nothing is sent.
"""

from lib.daemon import Daemon
from lib.pairs import RouterPair, instance
from lib.wait import wait_for

VIP = "192.0.2.10"


def test_a_better_router_waits_and_then_takes_over(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    a, b = pair.addresses
    wire = capture(pair.lan)
    Daemon(r2, instance(priority=100)).start()
    pair.wait_holder("r2", VIP)
    since = wire.mark()
    daemon = Daemon(r1, instance(priority=200, extra="preempt_delay 5")).start()
    daemon.wait_log("Entering BACKUP STATE")
    pair.wait_holder("r1", VIP, 30)
    # Three intervals and a skew without the delay: it would have heard four adverts of the lower one at most.
    assert len(wire.adverts(since, source=b, priority=100)) >= 5
    assert wire.turns(since) == [b, a]


def test_it_does_not_wait_for_one_that_leaves(lab):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    lower = Daemon(r2, instance(priority=100)).start()
    pair.wait_holder("r2", VIP)
    Daemon(r1, instance(priority=200, extra="preempt_delay 600")).start().wait_log("Entering BACKUP STATE")
    lower.stop()
    pair.wait_holder("r1", VIP, 30)


def test_startup_delay_holds_everything(lab, capture):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    wire = capture(pair.lan)
    daemon = Daemon(r1, "global_defs {\n vrrp_startup_delay 3\n }" + instance(priority=255, state="MASTER")).start()
    wait_for(lambda: "VI_1" in daemon.text() or "tarting VRRP" in daemon.text(), "it has started")
    assert wire.adverts() == []
    pair.wait_holder("r1", VIP, 30)
    wire.wait_advert(source=pair.addresses[0])
