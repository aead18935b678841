"""
    r1 (200) ──┐
               ├── lan ── client       one of r1 and r2 is FRR's vrrpd, the other the daemon under test
    r2 (100) ──┘

VRRP version 3 over IPv4 and IPv6 and version 2: each side in each role; the master stops and returns. FRR always sends with the virtual
MAC; "vmac" is where we do so as well (use_vmac).
"""

import pytest

from lib.frr import FrrRouter
from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for

VMAC = "00:00:5e:00:01:33"
pytestmark = pytest.mark.xdirector


@pytest.mark.parametrize("ours", ["master", "backup"])
@pytest.mark.parametrize("kind", ["v2", "v3", "ipv6", "vmac"])
def test_interoperates_with_frr(lab, capture, kind, ours):
    pair = RouterPair(lab)
    wire = capture(pair.lan)
    r1, r2 = pair.routers
    our_node, frr_node = (r1, r2) if ours == "master" else (r2, r1)
    vip = "2001:db8::10" if kind == "ipv6" else "192.0.2.10"
    version = 2 if kind == "v2" else 3

    def speakers(adverts):
        if kind == "vmac":
            return {"ours" if our_node.holds(advert.source) else "frr" for advert in adverts}
        return {"ours" if advert.source_mac == our_node.mac("eth0") else "frr" for advert in adverts}

    def wait_speaker(who, last):
        """Until the last adverts are all of this one."""
        wait_for(lambda: len(wire.adverts()) >= last and speakers(wire.adverts()[-last:]) == {who}, f"{who} speaks alone", 30)

    def start_ours():
        vips = ("fe80::10/64", f"{vip}/64") if kind == "ipv6" else (f"{vip}/24",)
        return under_test(our_node, instance(priority=200 if ours == "master" else 100, version=version, vips=vips,
                                             extra="use_vmac" if kind == "vmac" else ""))

    frr = FrrRouter(frr_node, priority=100 if ours == "master" else 200, vip=vip, version=version)
    better, worse = ("ours", "frr") if ours == "master" else ("frr", "ours")
    start = {"ours": start_ours, "frr": frr.start}
    first = start[better]()
    wait_speaker(better, 3)
    start[worse]()
    wait_speaker(better, 6)
    first.stop()
    wait_speaker(worse, 3)
    start[better]()
    wait_speaker(better, 6)
    if kind == "vmac":
        assert {advert.source_mac for advert in wire.adverts()} == {frame.source_mac for frame in wire.garps(vip)} == {VMAC}
    assert wire.complaints(lab.directory) == []
