"""
    r1 (200) ──┐
               ├── lan       r1 and r2 do not understand each other; r1 is asked what it sees
    r2 (100) ──┘

`xdirector status` says which instance, who, since when and what to look at: one-way loss, another password, another interval, a foreign router
with our virtual_router_id, another host with our address. It says nothing when all is well, and stops saying it when it is over.
"""

import json

import pytest

from lib.daemon import CTL
from lib.pairs import RouterPair, instance, peer, under_test
from lib.wait import wait_for

VIP = "192.0.2.10"
pytestmark = pytest.mark.xdirector


def findings(node):
    asked = node.run([CTL, "status", "-j"], check=False)
    status = json.loads(asked.stdout) if asked.returncode == 0 else {"instances": []}
    return {(f["trouble"], f["who"]): f["text"] for i in status["instances"] for f in i["findings"]}



def start(pair, r1_extra=None, r2_extra=None):
    r1, r2 = pair.routers
    under_test(r1, instance(**{"priority": 200, **(r1_extra or {})}))
    pair.wait_holder("r1", VIP)
    return under_test(r2, instance(**{"priority": 100, **(r2_extra or {})}))


def test_one_way_loss(lab):
    """What r1 sends is dropped at r2 (a keepalived, which hears behind the filter of its host); what r2 sends arrives at r1."""
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    under_test(r1, instance(priority=200))
    pair.wait_holder("r1", VIP)
    peer(r2, instance(priority=100)).wait_log("Entering BACKUP STATE")
    assert findings(r1) == {}
    r2.run("nft add table ip t")
    r2.run("nft add chain ip t in { type filter hook input priority 0 ; }")
    r2.run("nft add rule ip t in ip protocol 112 drop")
    wait_for(lambda: ("two_masters", pair.addresses[1]) in findings(r1), "r1 names r2", 30)
    text = findings(r1)["two_masters", pair.addresses[1]]
    assert "multicast (224.0.0.18)" in text and "does not hear or believe ours" in text
    assert "two_masters for" in r1.run([CTL, "status"])
    r2.run("nft delete table ip t")
    pair.wait_holder("r1", VIP)
    wait_for(lambda: findings(r1) == {}, "it is over", 30)


@pytest.mark.parametrize("what", ["password", "interval"])
def test_adverts_that_are_not_believed(lab, what):
    pair = RouterPair(lab)
    r1, _ = pair.routers
    ours, theirs = ({"password": "one"}, {"password": "two"}) if what == "password" else ({"advert": 1}, {"advert": 2})
    start(pair, ours, theirs)
    wait_for(lambda: ("refused", pair.addresses[1]) in findings(r1), "r1 names r2", 30)
    assert {"password": "its password is not ours", "interval": "its interval is not ours"}[what] in findings(r1)["refused", pair.addresses[1]]


def test_a_foreign_router_with_our_virtual_router_id(lab):
    pair = RouterPair(lab)
    _, r2 = pair.routers
    start(pair, {}, {"vips": ("192.0.2.77/24",)})
    wait_for(lambda: ("other_addresses", pair.addresses[0]) in findings(r2), "r2 names r1", 30)
    assert "foreign router" in findings(r2)["other_addresses", pair.addresses[0]]


def test_another_host_has_our_address(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    under_test(r1, instance(priority=200))
    pair.wait_holder("r1", VIP)
    mac = pair.client.mac("eth0")
    pair.client.run(f"ip addr add {VIP}/24 dev eth0")
    pair.client.start(["/usr/bin/python3", "-c", "from scapy.all import ARP, Ether, sendp\n"
                       f"sendp(Ether(dst='ff:ff:ff:ff:ff:ff') / ARP(psrc='{VIP}', pdst='{VIP}'), iface='eth0', inter=1, loop=1)"])
    wait_for(lambda: ("foreign_claim", mac) in findings(r1), "r1 names the client", 30)
    assert VIP in findings(r1)["foreign_claim", mac]
