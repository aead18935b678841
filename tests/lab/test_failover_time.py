"""
    r1 (200) ──┐
               ├── lan      version 3, adverts every 100 ms
    r2 (100) ──┘

SIGKILL to everything on the master, ten times. On the wire, from the master's last advert to the new master's first advert and to its
first gratuitous ARP: master-down is 3 x 100 ms + (256 - 100)/256 x 100 ms = 360.94 ms.

The figures are always reported. Only the median counts, and a busy machine gets three tries: what the daemon can do shows in the best.
"""

import statistics

import pytest

from lib.pairs import RouterPair, instance, under_test

VIP = "192.0.2.10"
DEATHS = 10
TRIES = 3
MASTER_DOWN = 0.3 + 0.1 * (256 - 100) / 256
ALLOWED = 0.002


def measure(pair, wire, config):
    """(advert, garp): seconds since the last advert of the killed master, one pair of figures per death."""
    r1, r2 = pair.routers
    figures = []
    for _ in range(DEATHS):
        under_test(r1, config[r1])
        pair.wait_holder("r1", VIP)
        wire.wait_advert(source="192.0.2.1")
        since = wire.mark()
        r1.kill_everything()
        taken = wire.wait_advert(since=since, source="192.0.2.2")
        last = wire.adverts(source="192.0.2.1")[-1]
        garp = wire.garps(VIP, since, source_mac=r2.mac("eth0"))
        while not garp:
            wire.wait_advert(source="192.0.2.2")
            garp = wire.garps(VIP, since, source_mac=r2.mac("eth0"))
        figures.append(((taken.time - last.time) / 1e9, (garp[0].time - last.time) / 1e9))
    return figures


@pytest.mark.timing
@pytest.mark.timeout(240)
def test_failover_time(lab, capture, record_property):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    config = {r1: instance(priority=200, version=3, advert=0.1), r2: instance(priority=100, version=3, advert=0.1)}
    under_test(r2, config[r2])
    pair.wait_holder("r2", VIP)

    for attempt in range(TRIES):
        figures = measure(pair, wire, config)
        adverts, garps = ([row[i] * 1000 for row in figures] for i in (0, 1))
        for name, values in (("first advert", adverts), ("first gratuitous ARP", garps)):
            text = (f"{name}: median {statistics.median(values):.2f} ms, {min(values):.2f} to {max(values):.2f} "
                    f"(master-down {MASTER_DOWN * 1000:.2f})")
            record_property(f"try {attempt + 1}, {name}", text)
            print(text)
        if max(statistics.median(adverts), statistics.median(garps)) <= (MASTER_DOWN + ALLOWED) * 1000:
            assert min(adverts) > MASTER_DOWN * 1000 - 1, "it took over before master-down was over"
            return
    pytest.fail(f"{TRIES} tries, each median beyond master-down + {ALLOWED * 1000:g} ms; the figures are above")
