"""
               ┌── outside ──┐
    r1 (150) ──┤             ├── r2 (100)      VRID 51 on both wires, one vrrp_sync_group
               └── inside ───┘

r1 loses only its inside wire. Both addresses move to r2, and both come back with the wire.
"""

from lib.pairs import instance, under_test
from lib.wait import wait_for

OUTSIDE, INSIDE = "192.0.2.10", "198.51.100.10"


def config(priority):
    common = dict(priority=priority, version=3, advert=0.2)
    return (
        "vrrp_sync_group G1 {\n    group {\n        OUT\n        IN\n    }\n}\n"
        + instance("OUT", "eth0", vips=[f"{OUTSIDE}/24"], **common)
        + instance("IN", "eth1", vips=[f"{INSIDE}/24"], **common)
    )


def test_sync_group_moves_together(lab, capture):
    outside, inside = lab.switch("outside"), lab.switch("inside")
    wires = [capture(outside), capture(inside)]
    routers = []
    for number, priority in ((1, 150), (2, 100)):
        node = lab.node(f"r{number}").join(outside, "eth0", f"192.0.2.{number}/24").join(inside, "eth1", f"198.51.100.{number}/24")
        routers.append(node)
        under_test(node, config(priority))
    r1, r2 = routers

    def both(node):
        wait_for(lambda: [(n.holds(OUTSIDE), n.holds(INSIDE)) for n in routers] == [(n is node, n is node) for n in routers],
                 f"{node.name} holds both addresses and the other none", 20)

    both(r1)
    r1.unplug("eth1")
    both(r2)
    r1.plug("eth1")
    both(r1)
    assert all(wire.faults() == [] for wire in wires)
