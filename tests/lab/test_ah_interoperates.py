"""
    r1 (200) ──┐
               ├── lan ── client       one of r1 and r2 is Debian's keepalived, the other the daemon under test
    r2 (100) ──┘

Version 2 with auth_type AH, multicast and unicast, each side in each role: election, the master stops and returns. Sequence numbers go on
where the other left off, and each side believes the other's seal.
"""

import pytest

from lib.interop import same_but_for_priority
from lib.pairs import RouterPair, instance, peer, under_test

VIP = "192.0.2.10"
UNICAST = """
    unicast_src_ip {own}
    unicast_peer {{
        {other}
    }}
"""


@pytest.mark.parametrize("ours", ["master", "backup"])
@pytest.mark.parametrize("kind", ["multicast", "unicast"])
def test_ah_interoperates(lab, capture, kind, ours):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    a, b = pair.addresses
    wire = capture(pair.lan)

    def config(own, other, priority):
        extra = "authentication {\n auth_type AH\n auth_pass s3cret\n }" + (UNICAST.format(own=own, other=other) if kind == "unicast" else "")
        return instance(priority=priority, extra=extra)

    start = {r1: under_test, r2: peer} if ours == "master" else {r1: peer, r2: under_test}
    better = start[r1](r1, config(a, b, 200))
    wire.wait_advert(source=a)
    start[r2](r2, config(b, a, 100))
    pair.wait_holder("r1", VIP)
    for _ in range(4):
        wire.wait_advert(source=a)
    better.stop()
    pair.wait_holder("r2", VIP)
    wire.wait_advert(source=b)
    better = start[r1](r1, config(a, b, 200))
    pair.wait_holder("r1", VIP)
    since = wire.mark()
    for _ in range(5):
        wire.wait_advert(source=a)
    assert wire.turns(since) == [a], "one speaker at rest"

    assert wire.turns() == [a, b, a]
    numbers = [advert.sequence for advert in wire.adverts()]
    assert numbers[0] == 1
    assert all(after > before for before, after in zip(numbers, numbers[1:])), numbers
    same_but_for_priority(wire.adverts(source=a)[0], wire.adverts(source=b)[0], pseudo_header=False)
    assert wire.complaints(lab.directory) == []
