"""
    r1 (200) ──┐
               ├── lan ── client       one of r1 and r2 is Debian's keepalived, the other the daemon under test
    r2 (100) ──┘

VRRP version 3 over IPv6: adverts to ff02::12 from link-local addresses with hop limit 255; the new master announces its addresses by
neighbour advertisements. Messages and announcements of the two daemons are the same, byte for byte, but for priority and addresses.
"""

import pytest

from lib.interop import same_but_for_priority
from lib.pairs import RouterPair, instance, peer, under_test

VIP = "2001:db8::10"


def link_local(node):
    shown = node.run("ip -6 -o addr show dev eth0 scope link")
    return next(line.split()[3].split("/")[0] for line in shown.splitlines() if "fe80::10/" not in line)


@pytest.mark.parametrize("ours", ["master", "backup"])
def test_ipv6_interoperates(lab, capture, ours):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    pair.client.run("ip addr add 2001:db8::100/64 dev eth0 nodad")
    wire = capture(pair.lan)
    a, b = link_local(r1), link_local(r2)
    start = {r1: under_test, r2: peer} if ours == "master" else {r1: peer, r2: under_test}
    config = {node: instance(priority=priority, version=3, advert=0.3, vips=["fe80::10/64", f"{VIP}/64"])
              for node, priority in ((r1, 200), (r2, 100))}

    better = start[r1](r1, config[r1])
    wire.wait_advert(source=a)
    start[r2](r2, config[r2])
    pair.wait_holder("r1", VIP)
    wire.wait_advert(source=a)
    better.stop()
    pair.wait_holder("r2", VIP)
    wire.wait_advert(source=b)
    better = start[r1](r1, config[r1])
    pair.wait_holder("r1", VIP)
    since = wire.mark()
    for _ in range(3):
        wire.wait_advert(source=a)
    assert wire.turns(since) == [a], "one speaker at rest"
    pair.client.run(f"ping -c 1 -W 2 {VIP}")
    assert r1.mac("eth0") in pair.client.run(f"ip neigh show {VIP}")

    assert wire.turns() == [a, b, a]
    first, second = wire.adverts(source=a)[0], wire.adverts(source=b)[0]
    assert (first.target, first.ttl, first.addresses) == ("ff02::12", 255, ("fe80::10", VIP))
    same_but_for_priority(first, second, pseudo_header=True)
    ours_is, theirs_is = [wire.neighbour_adverts(VIP, source_mac=node.mac("eth0"))[0] for node in (r1, r2)]
    for field in ("source", "target", "target_mac", "sender", "flags", "faults"):
        assert getattr(ours_is, field) == getattr(theirs_is, field), f"the announcements differ in {field}"
    assert wire.complaints(lab.directory) == []
