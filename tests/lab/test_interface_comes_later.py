"""
    r1 (150) ── lan

dynamic_interfaces: the daemon starts before its interface is there, becomes master when it comes, and again when it was deleted and made
anew.
"""

from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for

VIP = "198.51.100.10"
DYNAMIC = "global_defs {\n    dynamic_interfaces\n}\n"


def make(node):
    node.run("ip link add late0 type veth peer name late1")
    node.run("ip address add 198.51.100.1/24 dev late0")
    node.run("ip link set late1 up")
    node.run("ip link set late0 up")


def test_interface_comes_later(lab):
    r1 = RouterPair(lab, count=1).routers[0]
    daemon = under_test(r1, DYNAMIC + instance(device="late0", priority=150, version=3, advert=0.2, vips=(f"{VIP}/24",)))
    daemon.wait_log("FAULT STATE")
    for _ in range(2):
        make(r1)
        wait_for(lambda: r1.holds(VIP), "the address on the interface that came")
        since = daemon.mark()
        r1.run("ip link del late0")
        daemon.wait_log("FAULT STATE", since=since)
    assert daemon.running()
