"""
    r1 (200) ──┐
               ├── lan
    r2 (100) ──┘

SIGTERM to the master: an advert with priority 0, then its address goes, exit status 0, no pid files left. The backup does not wait for
master-down: it is master before three adverts could have been missed, which the order on the wire shows.
"""

from lib.pairs import RouterPair, instance, under_test

VIP = "192.0.2.10"


def test_stopped_master_hands_over_at_once(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    first = under_test(r1, instance(priority=200))
    under_test(r2, instance(priority=100))
    pair.wait_holder("r1", VIP)

    since = wire.mark()
    assert first.stop() == 0
    assert not r1.holds(VIP)
    assert not any(path.exists() for path in first.pid_files.values())

    pair.wait_holder("r2", VIP)
    goodbyes = wire.adverts(since, source="192.0.2.1", priority=0)
    assert len(goodbyes) == 1
    assert wire.adverts(since, source="192.0.2.1")[-1] is goodbyes[0], "nothing after the goodbye"
    taken = wire.wait_advert(since=since, source="192.0.2.2")
    # Master-down at 1 s would be 3.6 s; skew alone is 0.6 s. Two seconds lie far from both.
    assert taken.time - goodbyes[0].time < 2e9
    assert wire.faults() == []
