"""
    r1 (200, nopreempt) ──┐
                          ├── lan
    r2 (100, nopreempt) ──┘

The better router comes second and stays backup; when the master stops, it takes over.
"""

from lib.pairs import RouterPair, instance, under_test

VIP = "192.0.2.10"


def test_nopreempt_leaves_the_master_alone(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    worse = under_test(r2, instance(priority=100, version=3, advert=0.2, extra="nopreempt"))
    pair.wait_holder("r2", VIP)
    better = under_test(r1, instance(priority=200, version=3, advert=0.2, extra="nopreempt"))
    better.wait_log("Entering BACKUP STATE")
    for _ in range(10):  # more than twice its master-down time
        wire.wait_advert(source="192.0.2.2")
    assert wire.turns() == ["192.0.2.2"]
    assert pair.holders(VIP) == ["r2"]

    worse.stop()
    pair.wait_holder("r1", VIP)
    assert wire.turns() == ["192.0.2.2", "192.0.2.1"]
