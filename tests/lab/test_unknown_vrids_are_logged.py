"""
    r1 (VRID 51) ──┐
                   ├── lan
    r2 (VRID 77) ──┘

log_unknown_vrids: adverts of a virtual router that nobody here belongs to are told, once for each and not each time.
"""

from lib.pairs import RouterPair, instance, peer, under_test
from lib.wait import wait_for

TOLD = "Unknown VRID(77)"


def test_a_foreign_virtual_router_is_told_once(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    daemon = under_test(r1, "global_defs {\n    log_unknown_vrids\n}\n" + instance(priority=150, version=3, advert=0.2))
    peer(r2, instance(vrid=77, version=3, advert=0.2, vips=("192.0.2.77/24",)))
    daemon.wait_log(TOLD, 30)
    wait_for(lambda: len(wire.adverts(vrid=77)) > 10 and len(wire.adverts(vrid=51)) > 10, "adverts of both", 30)
    assert daemon.text().count(TOLD) == 1
    assert "Unknown VRID(51)" not in daemon.text()
