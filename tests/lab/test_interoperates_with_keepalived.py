"""
    r1 (200) ──┐
               ├── lan ── client       one of r1 and r2 is Debian's keepalived, the other the daemon under test
    r2 (100) ──┘

Both roles, version 2 with and without a password, and version 3: election, the master stops and returns, the master dies and returns. Each takeover
is one change of speaker on the wire and no more, and outside the takeover itself exactly the speaker holds the address.
"""

import pytest

from lib.holders import HolderWatch
from lib.pairs import RouterPair, instance, peer, under_test

VIP = "192.0.2.10"

VERSIONS = {
    "v2": dict(version=2, advert=1),
    "v2-password": dict(version=2, advert=1, password="1111"),
    "v3": dict(version=3, advert=0.3),
}


@pytest.mark.parametrize("ours", ["master", "backup"])
@pytest.mark.parametrize("version", VERSIONS)
def test_interoperates_with_keepalived(lab, capture, version, ours):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    watch = HolderWatch(lab, pair.routers, VIP)
    start = {r1: under_test, r2: peer} if ours == "master" else {r1: peer, r2: under_test}
    config = {r1: instance(priority=200, **VERSIONS[version]), r2: instance(priority=100, **VERSIONS[version])}

    # The better one is there first, so that the election has one possible course.
    better = start[r1](r1, config[r1])
    wire.wait_advert(source="192.0.2.1")
    start[r2](r2, config[r2])
    pair.wait_holder("r1", VIP)
    wire.wait_advert(source="192.0.2.1")
    pair.client.run(f"ping -c 1 -W 2 {VIP}")

    # Stop and return.
    better.stop()
    pair.wait_holder("r2", VIP)
    better = start[r1](r1, config[r1])
    pair.wait_holder("r1", VIP)

    # Death and return.
    r1.power_off()
    watch.gone(r1)
    wire.wait_advert(source="192.0.2.2")
    wire.wait_advert(source="192.0.2.2")
    pair.client.run(f"ping -c 1 -W 2 {VIP}")
    assert r2.mac("eth0") in pair.client.run(f"ip neigh show {VIP}")
    r1.power_on()
    better = start[r1](r1, config[r1])
    pair.wait_holder("r1", VIP)
    since = wire.mark()
    for _ in range(3):
        wire.wait_advert(source="192.0.2.1")
    assert wire.turns(since) == ["192.0.2.1"], "one speaker at rest"
    pair.client.run(f"ping -c 1 -W 2 {VIP}")

    a, b = "192.0.2.1", "192.0.2.2"
    assert wire.turns() == [a, b, a, b, a]
    assert watch.disagreements(wire.adverts(), {a: "r1", b: "r2"}) == []
    first, second = wire.adverts(source=a)[0], wire.adverts(source=b)[0]
    for field in ("version", "vrid", "interval", "addresses", "auth_type", "password", "tos", "ttl", "target", "target_mac"):
        assert getattr(first, field) == getattr(second, field), f"the two daemons differ in {field}"
    assert wire.complaints(lab.directory) == []
