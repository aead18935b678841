"""
    r1 ── lan

A new master announces each address five times at once and five times more after 5 s (keepalived's defaults), as ARP requests to
everybody with the VIP as sender and target, round by round over its addresses.
"""

from lib.pairs import RouterPair, instance, under_test
from lib.wait import stays, wait_for

VIPS = ("192.0.2.10", "192.0.2.11")


def test_gratuitous_arps_are_five_and_five(lab, capture):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    wire = capture(pair.lan)
    under_test(r1, instance(priority=150, version=3, advert=0.2, vips=[f"{vip}/24" for vip in VIPS]))

    wait_for(lambda: len(wire.garps()) >= 10, "the first five per address")
    first = wire.garps()
    assert [arp.sender for arp in first[:4]] == [VIPS[0], VIPS[1], VIPS[0], VIPS[1]]
    for arp in first:
        assert (arp.operation, arp.target_mac) == (1, "ff:ff:ff:ff:ff:ff")
        assert arp.sender_mac == arp.source_mac == r1.mac("eth0")
    wait_for(lambda: len(wire.garps()) >= 20, "the second five per address")
    stays(lambda: len(wire.garps()) == 20, "no more than that", 1.5)
    for vip in VIPS:
        assert len(wire.garps(vip)) == 10
    # Sent by a timer of 5 s: far from "at once" is all that is asked here.
    assert wire.garps()[10].time - first[9].time > 4e9
