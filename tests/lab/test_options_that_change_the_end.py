"""
    r1 ── lan

-V leaves the addresses at the end, -R ends the daemon with its child instead of starting another. keepalived does the same.
"""

from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for

VIP = "192.0.2.10"


def master(lab, *options):
    router = RouterPair(lab, count=1).routers[0]
    daemon = under_test(router, instance(version=3, advert=0.1), options=options)
    wait_for(lambda: router.holds(VIP), "the address")
    return router, daemon


def test_dont_release_vrrp_leaves_the_addresses(lab):
    router, daemon = master(lab, "-V")
    assert daemon.stop() == 0
    assert router.holds(VIP)


def test_without_it_the_addresses_go(lab):
    router, daemon = master(lab)
    assert daemon.stop() == 0
    assert not router.holds(VIP)


def test_dont_respawn_ends_the_daemon_with_its_child(lab):
    _, daemon = master(lab, "-R")
    daemon.send(9, "vrrp")
    wait_for(lambda: not daemon.running(), "the daemon to end")
