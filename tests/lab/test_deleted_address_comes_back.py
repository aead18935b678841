"""
    r1 (150) ── lan

Somebody deletes the master's address by hand. It is back soon, announced again.
"""

from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for

VIP = "192.0.2.10"


def test_deleted_address_comes_back(lab, capture):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    wire = capture(pair.lan)
    under_test(r1, instance(priority=150, version=3, advert=0.2))
    pair.wait_holder("r1", VIP)
    wait_for(lambda: len(wire.garps(VIP)) >= 5, "the first announcements")
    since = wire.mark()
    r1.run(f"ip addr del {VIP}/24 dev eth0")
    wait_for(lambda: r1.holds(VIP), "the address to be back")
    wait_for(lambda: wire.garps(VIP, since), "its announcement")
