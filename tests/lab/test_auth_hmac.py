"""
    r1 (200) ──┐
               ├── lan ── client
    r2 (100) ──┘

auth_hmac: two directors with a key move the address by it, over IPv4 and IPv6, versions 2 and 3, multicast and unicast; who has no key is not
believed; a recording of a master that has gone is not believed; permissive and receive-only let a network change over.
"""

import hashlib
import hmac

import pytest

from lib.daemon import Daemon
from lib.pairs import RouterPair, instance

VIP = "192.0.2.10"
KEY = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"


def auth(key=KEY, mode="enforce", more=""):
    return f"auth_hmac {{\n key 7 {key}\n {more}\n mode {mode}\n }}"


def start(node, config):
    return Daemon(node, config).start()


pytestmark = pytest.mark.xdirector


@pytest.mark.parametrize("kind", ["v2", "v3", "unicast"])
def test_the_address_moves_with_the_key(lab, capture, kind):
    pair = RouterPair(lab)
    a, b = pair.addresses
    wire = capture(pair.lan)

    def config(own, other, priority):
        unicast = f"unicast_src_ip {own}\n unicast_peer {{\n {other}\n }}" if kind == "unicast" else ""
        return instance(priority=priority, version=2 if kind == "v2" else 3, extra=auth() + "\n" + unicast)

    r1, r2 = pair.routers
    better = start(r1, config(a, b, 200))
    pair.wait_holder("r1", VIP)
    start(r2, config(b, a, 100))
    for _ in range(3):
        wire.wait_advert(source=a)
    assert pair.holders(VIP) == ["r1"]
    better.stop()
    pair.wait_holder("r2", VIP)
    start(r1, config(a, b, 200))
    pair.wait_holder("r1", VIP)
    for advert in wire.adverts():
        trailer, message = advert.message[-28:], advert.message[:-28]
        sealed = (bytes([4, message[0] >> 4, message[1], 0]) + bytes(map(int, advert.source.split("."))) + bytes(12) +
                  message[:6] + bytes(2) + message[8:] + trailer[:12] + bytes(16))
        assert trailer[:4] == bytes([1, 7, 0, 0])
        assert hmac.new(KEY.encode(), sealed, hashlib.sha256).digest()[:16] == trailer[12:]


def test_who_has_another_key_is_another_master_and_named(lab, capture):
    pair = RouterPair(lab)
    a, b = pair.addresses
    wire = capture(pair.lan)
    r1, r2 = pair.routers
    start(r1, instance(priority=200, extra=auth()))
    pair.wait_holder("r1", VIP)
    other = start(r2, instance(priority=100, extra=auth(OTHER)))
    wire.wait_advert(source=b)
    other.wait_log("made with another key")
    assert sorted(pair.holders(VIP)) == ["r1", "r2"]


def test_a_network_changes_over_without_a_gap(lab, capture):
    """No trailer, then all understand one, then all send one, then all ask for one: one master all the time."""
    pair = RouterPair(lab)
    a, b = pair.addresses
    wire = capture(pair.lan)
    r1, r2 = pair.routers
    both = [(start(r1, instance(priority=200)), 200)]
    pair.wait_holder("r1", VIP)
    both.append((start(r2, instance(priority=100)), 100))
    for step in (auth(mode="receive-only"), auth(mode="permissive"), auth()):
        for daemon, priority in both:
            daemon.reload(instance(priority=priority, extra=step))
            since = wire.mark()
            for _ in range(2):
                wire.wait_advert(source=a, since=since)
                since = wire.mark()
            assert pair.holders(VIP) == ["r1"]
    assert wire.turns() == [a]
    sizes = [len(advert.message) for advert in wire.adverts(source=a)]
    assert sizes[0] == 20 and sizes[-1] == 48
