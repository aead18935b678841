"""
    r1 (255) ──┐
               ├── lan
    r2 (100) ──┘

An address owner does not wait for master-down: it takes the address from a sitting master at its start.
"""

from lib.pairs import RouterPair, instance, under_test

VIP = "192.0.2.10"


def test_owner_is_master_at_once(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    under_test(r2, instance(priority=100, version=3, advert=0.2))
    pair.wait_holder("r2", VIP)
    under_test(r1, instance(priority=255, version=3, advert=0.2, state="MASTER"))
    pair.wait_holder("r1", VIP)
    assert wire.turns() == ["192.0.2.2", "192.0.2.1"]
    assert wire.adverts(source="192.0.2.1")[0].priority == 255
