"""
    r1 (200) ──┐
               ├── lan ── client       r1 and r2 do not hear each other for a while; the client hears both
    r2 (100) ──┘

Both are master, and the client sends to whichever it heard announce the address last: r2. Then they hear each other again. Whichever side
hears the other first, r1 announces the address again, and within a second the client sends to it. (When r2 hears r1 first it yields,
and nobody tells r1 that there was another: keepalived stays silent then.)
"""

import time

import pytest

from lib.pairs import RouterPair, instance, peer, under_test
from lib.wait import wait_for

VIP = "192.0.2.10"
SETTINGS = dict(version=3, advert=1)


def split(pair, on):
    """Isolated ports of a bridge reach those that are not isolated, and not each other."""
    for node in pair.routers:
        pair.lan.run(f"bridge link set dev {node.ports['eth0'][1]} isolated {'on' if on else 'off'}")


def client_sends_to(pair):
    shown = pair.client.run(f"ip neigh show {VIP}")
    return next((node.name for node in pair.routers if node.mac("eth0") in shown), None)


@pytest.mark.parametrize("hears_first", ["r1", "r2"])
@pytest.mark.parametrize("survivor", ["ours", "keepalived"])
def test_healed_split_brain(lab, capture, hears_first, survivor):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    (under_test if survivor == "ours" else peer)(r1, instance(priority=200, **SETTINGS))
    pair.wait_holder("r1", VIP)
    lower = under_test(r2, instance(priority=100, **SETTINGS))
    lower.wait_log("Entering BACKUP STATE")
    pair.client.run(f"ping -c 1 -W 2 {VIP}")

    split(pair, True)
    wait_for(lambda: pair.holders(VIP) == ["r1", "r2"], "both hold the address")
    wait_for(lambda: client_sends_to(pair) == "r2", "the client sends to the one that announced last")
    wait_for(lambda: len(wire.garps(VIP, source_mac=r2.mac("eth0"))) >= 10, "all announcements of r2")
    # The next advert is that of the one that has not just sent: the other hears it.
    speaker, other = ("192.0.2.1", "192.0.2.2") if hears_first == "r1" else ("192.0.2.2", "192.0.2.1")
    wire.wait_advert(source=other)
    wire.wait_advert(source=speaker)
    since = wire.mark()
    split(pair, False)
    healed = time.time_ns()

    wait_for(lambda: client_sends_to(pair) == "r1", "the client sends to the surviving master", 4)
    # One that passed while the ports were changed may have been heard or not.
    heard = next((advert.time for advert in wire.adverts(since) if advert.time > healed), healed)
    announced = wire.garps(VIP, since, source_mac=r1.mac("eth0"))[0]
    assert (announced.time - heard) / 1e9 < 1, "announced within a second of the first advert"
    pair.wait_holder("r1", VIP)
    pair.client.run(f"ping -c 1 -W 2 {VIP}")


def test_a_preemption_is_no_split_brain(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    under_test(r2, instance(priority=100, version=3, advert=0.3))
    pair.wait_holder("r2", VIP)
    peer(r1, instance(priority=200, version=3, advert=0.3))
    pair.wait_holder("r1", VIP)
    for _ in range(4):
        wire.wait_advert(source="192.0.2.1")
    assert wire.turns() == ["192.0.2.2", "192.0.2.1"], "no last word of the one that yielded"
    assert len(wire.garps(VIP, source_mac=r1.mac("eth0"))) == 5
