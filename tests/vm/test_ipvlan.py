"""
    r1 (200) ──┐
               ├── lan ── client       one of r1 and r2 is Debian's keepalived, the other the daemon under test
    r2 (100) ──┘

use_ipvlan on both: adverts leave from the ipvlan's own address with the interface's MAC, and the VIP stands on the link (keepalived 2.2.7 puts it
on the interface). The link comes and goes with the daemon. (Here, because not every kernel has ipvlan.)
"""

import pytest

from lib.capture import Capture
from lib.pairs import RouterPair, instance, peer, under_test
from lib.wait import wait_for

VIP = "192.0.2.10"


def link(node):
    return node.run("ip -o -d link show type ipvlan")


@pytest.mark.parametrize("ours", ["master", "backup"])
def test_an_ipvlan_is_the_way_of_an_instance(lab, ours):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = Capture(pair.lan)
    lab.captures.append(wire)
    start = {r1: under_test, r2: peer} if ours == "master" else {r1: peer, r2: under_test}
    own = {r1: "192.0.2.31", r2: "192.0.2.32"}
    config = {node: instance(priority=priority, version=3, advert=0.3, extra=f"use_ipvlan ipv0 {own[node]}/24 bridge")
              for node, priority in ((r1, 200), (r2, 100))}

    # Where keepalived 2.2.7 puts the address, on the interface below the ipvlan, this kernel does not answer for it.
    def ours_answers(router):
        if (router is r1) == (ours == "master"):
            assert VIP in router.run("ip -o addr show dev ipv0")
            pair.client.run(f"ping -c 1 -W 10 {VIP}")

    better = start[r1](r1, config[r1])
    wire.wait_advert(source=own[r1], timeout=60)
    start[r2](r2, config[r2])
    wait_for(lambda: "ipvlan  mode l2 bridge" in link(r2), "r2's link", 60)
    pair.wait_holder("r1", VIP, 60)
    for router in (r1, r2):
        assert own[router] in router.run("ip -o addr show dev ipv0")
    ours_answers(r1)
    better.stop()
    assert link(r1) == ""
    pair.wait_holder("r2", VIP, 60)
    wire.wait_advert(source=own[r2], timeout=60)
    ours_answers(r2)
    assert {(advert.source, advert.source_mac) for advert in wire.adverts()} == {(own[node], node.mac("eth0")) for node in (r1, r2)}
