"""
    r1 (200) ──┐
               ├── lan      version 3, adverts every 10 ms, real-time priority
    r2 (100) ──┘

SIGKILL to everything on the master, seven times, and the same with Debian's keepalived on both sides. On the wire, from the
master's last advert to the new master's first advert and first gratuitous ARP, less the master-down time of 36.09 ms.

The figures of both are reported. The median counts, and a busy machine gets three tries: it is to be near master-down, or no worse than
keepalived's of the same try.
"""

import statistics

import pytest

from lib.measure import deaths
from lib.net import Lab
from lib.pairs import peer, under_test

DEATHS, TRIES, ALLOWED = 7, 3, 2.0
HEAD = "global_defs {\n    vrrp_rt_priority 50\n    vrrp_rlimit_rttime 1000000\n}\n"


@pytest.mark.timing
@pytest.mark.timeout(240)
def test_failover_at_ten_milliseconds(lab, capture, record_property, tmp_path):
    for attempt in range(1, TRIES + 1):
        medians = {}
        for name, start in (("ours", under_test), ("keepalived", peer)):
            place = tmp_path / f"{name}{attempt}"
            place.mkdir()
            with Lab(f"{lab.name.split('-')[-1]}{name[0]}{attempt}", place) as own:
                figures = deaths(own, capture, start, DEATHS, 0.01, HEAD)
            for what, values in zip(("first advert", "first gratuitous ARP"), zip(*figures)):
                medians[name, what] = statistics.median(values)
                text = f"{name}, {what}: median {statistics.median(values):+.2f} ms, {min(values):+.2f} to {max(values):+.2f}"
                record_property(f"try {attempt}", text)
                print(text)
                assert name != "ours" or min(values) > -1, "it took over before master-down was over"
        if all(medians["ours", what] <= max(ALLOWED, medians["keepalived", what]) for what in ("first advert", "first gratuitous ARP")):
            return
    pytest.fail(f"{TRIES} tries, each median beyond master-down + {ALLOWED:g} ms and behind keepalived's; the figures are above")
