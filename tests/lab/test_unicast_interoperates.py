"""
    r1 (200) ──┐
               ├── lan ── client       one of r1 and r2 is Debian's keepalived, the other the daemon under test
    r2 (100) ──┘

Adverts to the peer alone, over IPv4 and IPv6, each side in each role: election, the master stops and returns. The messages of the two
daemons are the same, byte for byte, but for priority and checksum.
"""

import pytest

from lib.interop import same_but_for_priority
from lib.pairs import RouterPair, instance, peer, under_test

VIP = {4: "192.0.2.10", 6: "2001:db8::10"}
ADDRESS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
KINDS = {
    "v2": (4, dict(version=2, password="1111")),
    "v3": (4, dict(version=3, advert=0.3)),
    "ipv6": (6, dict(version=3, advert=0.3)),
}


@pytest.mark.parametrize("ours", ["master", "backup"])
@pytest.mark.parametrize("kind", KINDS)
def test_unicast_interoperates(lab, capture, kind, ours):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    family, settings = KINDS[kind]
    a, b = ADDRESS[family]
    if family == 6:
        for node, address in ((r1, a), (r2, b), (pair.client, "2001:db8::100")):
            node.run(f"ip addr add {address}/64 dev eth0 nodad")
    wire = capture(pair.lan)
    vip = VIP[family]

    def config(own, other, priority):
        return instance(priority=priority, vips=[f"{vip}/{24 if family == 4 else 64}"], **settings, extra=f"""
    unicast_src_ip {own}
    unicast_peer {{
        {other}
    }}
""")

    start = {r1: under_test, r2: peer} if ours == "master" else {r1: peer, r2: under_test}
    better = start[r1](r1, config(a, b, 200))
    wire.wait_advert(source=a)
    start[r2](r2, config(b, a, 100))
    pair.wait_holder("r1", vip)
    wire.wait_advert(source=a)
    better.stop()
    pair.wait_holder("r2", vip)
    wire.wait_advert(source=b)
    better = start[r1](r1, config(a, b, 200))
    pair.wait_holder("r1", vip)
    since = wire.mark()
    for _ in range(3):
        wire.wait_advert(source=a)
    assert wire.turns(since) == [a], "one speaker at rest"
    pair.client.run(f"ping -c 1 -W 2 {vip}")

    assert wire.turns() == [a, b, a]
    assert {(advert.source, advert.target) for advert in wire.adverts()} == {(a, b), (b, a)}
    # keepalived 2.2.7 lets IPv6 unicast leave with the kernel's hop limit of 64; with 255 it would be as unicast_ttl says.
    same_but_for_priority(wire.adverts(source=a)[0], wire.adverts(source=b)[0], pseudo_header=kind != "v2", ttl=family == 4)
    assert wire.complaints(lab.directory) == []
