"""
    r1 (200) ──┐
               ├── lan ── client       one of r1 and r2 is Debian's keepalived, the other the daemon under test
    r2 (100) ──┘

use_vmac on both, multicast and unicast, over IPv4 and IPv6: adverts, announcements and answers to ARP come from 00:00:5e:00:01:VRID (02 for IPv6) whoever is master, so the client's neighbour entry
never changes. Nothing of it is left at the end.
"""

import pytest

from lib.pairs import RouterPair, instance, peer, under_test
from lib.wait import wait_for

VIP = "192.0.2.10"
VMAC = "00:00:5e:00:01:33"
UNICAST = """use_vmac
    unicast_src_ip {own}
    unicast_peer {{
        {other}
    }}"""
# What the instance has, and the virtual MAC of its family.
KINDS = {
    "v2": (dict(version=2, advert=1, password="1111", vips=[f"{VIP}/24"], extra="use_vmac"), VMAC),
    "v3": (dict(version=3, advert=0.3, vips=[f"{VIP}/24"], extra="use_vmac"), VMAC),
    "ipv6": (dict(version=3, advert=0.3, vips=["fe80::10/64", "2001:db8::10/64"], extra="use_vmac"), "00:00:5e:00:02:33"),
    "unicast": (dict(version=3, advert=0.3, vips=[f"{VIP}/24"], extra=UNICAST), VMAC),
    "unicast6": (dict(version=3, advert=0.3, vips=["2001:db8::10/64"], extra=UNICAST), "00:00:5e:00:02:33"),
}


def links(node):
    return node.run("ip -o -d link show type macvlan")


def shown(node, device):
    """The addresses of a device, which may not exist."""
    return node.run(f"ip -o address show dev {device}", check=False).stdout


@pytest.mark.parametrize("ours", ["master", "backup"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_virtual_mac_moves_between_the_daemons(lab, capture, kind, ours):
    settings, vmac = KINDS[kind]
    vip = "2001:db8::10" if "6" in kind else VIP
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    addresses = ["2001:db8::1", "2001:db8::2"] if "6" in kind else pair.addresses
    for node, last in ((r1, 1), (r2, 2), (pair.client, 100)) if "6" in kind else ():
        node.run(f"ip addr add 2001:db8::{last}/64 dev eth0 nodad")
    wire = capture(pair.lan)
    start = {r1: under_test, r2: peer} if ours == "master" else {r1: peer, r2: under_test}

    def begin(router, own, other, priority):
        more = {**settings, "extra": settings["extra"].format(own=own, other=other)}
        return start[router](router, instance(priority=priority, **more))

    better = begin(r1, *addresses, 200)
    wire.wait_advert()
    begin(r2, *reversed(addresses), 100)
    wait_for(lambda: vmac in links(r1) and vmac in links(r2), "both virtual links")
    for node in (r1, r2):
        assert "macvlan mode private" in links(node)

    # keepalived's kernel asks for the client with the address as sender but the physical MAC: it is not to ask.
    other = r2 if ours == "master" else r1
    if "6" not in kind:
        other.run(f"ip neigh replace 192.0.2.100 lladdr {pair.client.mac('eth0')} dev eth0 nud permanent")

    def is_answered_by(router):
        pair.client.run("ip neigh flush dev eth0")
        wait_for(lambda: "1 received" in pair.client.run(f"ping -c 1 -W 1 {vip}", check=False).stdout, f"{router.name} to answer")
        assert vmac in pair.client.run(f"ip neigh show {vip}")

    pair.wait_holder("r1", vip)
    is_answered_by(r1)
    better.stop()
    pair.wait_holder("r2", vip)
    is_answered_by(r2)
    assert vmac not in links(r1)
    begin(r1, *addresses, 200)
    pair.wait_holder("r1", vip)
    is_answered_by(r1)
    announced = wire.neighbour_adverts(vip) if "6" in kind else wire.garps(vip)
    assert {frame.source_mac for frame in announced} == {vmac}
    # Unicast leaves with the interface's own MAC.
    macs = {r1.mac("eth0"), r2.mac("eth0")} if "unicast" in kind else {vmac}
    assert {advert.source_mac for advert in wire.adverts()} == macs
    assert wire.complaints(lab.directory) == []


def test_a_reload_adds_and_removes_the_virtual_link(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    before = r1.run("cat /proc/sys/net/ipv4/conf/eth0/arp_ignore /proc/sys/net/ipv4/conf/eth0/arp_filter")
    daemon = under_test(r1, instance(priority=150, version=3, advert=0.2))
    pair.wait_holder("r1", VIP)
    assert links(r1) == ""
    daemon.reload(instance(priority=150, version=3, advert=0.2, extra="use_vmac"))
    wait_for(lambda: VIP in shown(r1, "vrrp.51"), "the address on the virtual link")
    assert VIP not in shown(r1, "eth0")
    assert r1.run("cat /proc/sys/net/ipv4/conf/eth0/arp_ignore").strip() == "1"

    # One that somebody deletes is made anew, with its address.
    r1.run("ip link del vrrp.51")
    wait_for(lambda: VIP in shown(r1, "vrrp.51"), "the virtual link to be back")

    # The end leaves nothing of it.
    daemon.stop()
    assert links(r1) == ""
    assert r1.run("cat /proc/sys/net/ipv4/conf/eth0/arp_ignore /proc/sys/net/ipv4/conf/eth0/arp_filter") == before

    # One that a killed daemon leaves is taken over.
    under_test(r1, instance(priority=150, version=3, advert=0.2, extra="use_vmac"))
    pair.wait_holder("r1", VIP)
    r1.kill_everything()
    wait_for(lambda: VMAC in links(r1), "the link that is left")
    index = r1.run("cat /sys/class/net/vrrp.51/ifindex")
    daemon = under_test(r1, instance(priority=150, version=3, advert=0.2, extra="use_vmac"))
    daemon.wait_ready("parent", "vrrp")
    assert r1.run("cat /sys/class/net/vrrp.51/ifindex") == index

    daemon.reload(instance(priority=150, version=3, advert=0.2))
    wait_for(lambda: links(r1) == "", "the virtual link to be gone")
    wait_for(lambda: VIP in shown(r1, "eth0"), "the address on the interface")
