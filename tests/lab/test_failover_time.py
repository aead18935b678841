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

from lib.measure import VIP, one_death
from lib.pairs import RouterPair, instance, under_test

DEATHS = 10
TRIES = 3
MASTER_DOWN = 0.3 + 0.1 * (256 - 100) / 256
ALLOWED = 0.002


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
        figures = [one_death(pair, wire, under_test, config) for _ in range(DEATHS)]
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
