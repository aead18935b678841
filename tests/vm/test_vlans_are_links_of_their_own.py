"""
    r1 ──┐
         ├── lan      the same VRID on eth0 and on its VLAN 100, of whose tags the frames' memory knows (offload), not their bytes
    r2 ──┘

An election on a VLAN is one of its own: adverts of the VLAN are heard there, and nowhere else. r2 gets its VLAN while it runs.
"""

from lib.pairs import RouterPair, instance, under_test
from lib.wait import stays, wait_for

LINK, VLAN = "192.0.2.10", "198.51.100.10"


def config(priority, link=True):
    text = "global_defs {\n    dynamic_interfaces\n}\n"
    text += instance("VLAN", device="eth0.100", priority=priority, version=3, advert=0.3, vips=[f"{VLAN}/24"])
    if link:
        text += instance("LINK", device="eth0", priority=priority, version=3, advert=0.3, vips=[f"{LINK}/24"])
    return text


def add_vlan(router, address):
    router.run("ip link add link eth0 name eth0.100 type vlan id 100")
    router.run(f"ip addr add {address} dev eth0.100")
    router.run("ip link set eth0.100 up")


def test_vlans_are_links_of_their_own(lab):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    add_vlan(r1, "198.51.100.1/24")
    first = under_test(r1, config(150))
    wait_for(lambda: r1.holds(LINK) and r1.holds(VLAN), "r1 is master of both", 60)
    under_test(r2, config(100)).wait_log("(LINK) Entering BACKUP STATE", 60)
    add_vlan(r2, "198.51.100.2/24")
    stays(lambda: not r2.holds(LINK) and not r2.holds(VLAN), "r2 is backup of both", 4)
    first.reload(config(150, link=False))
    pair.wait_holder("r2", LINK, 60)
    stays(lambda: pair.holders(VLAN) == ["r1"] and pair.holders(LINK) == ["r2"], "each has its master", 3)
    first.stop()
    pair.wait_holder("r2", VLAN, 60)
