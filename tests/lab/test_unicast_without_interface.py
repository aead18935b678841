"""
    r1 (150) ── near1 ──┐
       └─────── far1 ───┤
                     router          adverts of r1 and r2 are routed; no vrrp_instance names an interface
    r2 (100) ── near2 ──┘

Unicast without `interface`: the routes of the kernel lead to the peer, and adverts may come in by another interface than those that go out
leave by. When the way by near1 is lost, a route by far1 takes over, and nobody becomes a second master.
"""

import pytest

from lib.pairs import under_test
from lib.wait import wait_for

pytestmark = pytest.mark.xdirector  # keepalived 2.2.7 refuses it: "Unknown interface!"

VIP = "203.0.113.10"


def config(own, other, priority):
    return f"""
vrrp_instance VI_1 {{
    virtual_router_id 51
    priority {priority}
    version 3
    advert_int 0.3
    unicast_src_ip {own}
    unicast_peer {{
        {other}
    }}
    virtual_ipaddress {{
        {VIP}/24 dev lo
    }}
}}
"""


def test_adverts_go_where_the_routes_lead(lab, capture):
    near1, far1, near2 = lab.switch("near1"), lab.switch("far1"), lab.switch("near2")
    router = lab.node("router").join(near1, "eth0", "192.0.2.254/24").join(far1, "eth1", "198.51.100.254/24").join(near2, "eth2", "192.0.3.254/24")
    router.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0")
    r1 = lab.node("r1").join(near1, "eth0", "192.0.2.1/24").join(far1, "eth1", "198.51.100.1/24")
    r2 = lab.node("r2").join(near2, "eth0", "192.0.3.2/24")
    r1.run("ip address add 10.1.1.1/32 dev lo")
    r1.run("ip route add 192.0.3.0/24 via 192.0.2.254 metric 10")
    r1.run("ip route add 192.0.3.0/24 via 198.51.100.254 metric 20")
    r2.run("ip route add default via 192.0.3.254")
    router.run("ip route add 10.1.1.1/32 via 198.51.100.1")  # what comes back comes by the other link

    def hold(*expected):
        wait_for(lambda: [node.name for node in (r1, r2) if node.holds(VIP)] == list(expected), f"{expected} to hold the address", 20)

    far, wire = capture(far1), capture(near2)
    under_test(r2, config("192.0.3.2", "10.1.1.1", 100))
    hold("r2")
    far.wait_advert(source="192.0.3.2")
    better = under_test(r1, config("10.1.1.1", "192.0.3.2", 150))
    hold("r1")
    wire.wait_advert(source="10.1.1.1")
    since = wire.mark()
    assert "10.1.1.1" not in {advert.source for advert in far.adverts()}

    r1.run("ip link set eth0 down")  # and its route goes with it
    for _ in range(10):
        far.wait_advert(source="10.1.1.1")
    assert wire.turns(since) == ["10.1.1.1"]
    hold("r1")
    better.stop()
    hold("r2")
