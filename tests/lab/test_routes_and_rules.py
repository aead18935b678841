"""
    r1 (150) ── lan

virtual_routes, virtual_rules and the static ones: the kernel shows the same of both daemons, while master and after the end. What is
deleted by hand comes back.
"""

import re

from lib.pairs import RouterPair, instance, peer, under_test
from lib.wait import wait_for

VIP = "192.0.2.10"
STATIC = """
static_ipaddress {
    192.0.2.50/24 dev eth0 scope link
    192.0.2.51/32 dev eth0
    2001:db8::50/64 dev eth0
    2001:db8::51 dev eth0
}
static_routes {
    10.1.0.0/16 via 192.0.2.254 dev eth0
    10.2.0.0/16 dev eth0 table 100 metric 20 no_track
    2001:db8:1::/64 via 2001:db8::99 dev eth0
}
static_rules {
    from 10.1.0.0/16 table 100 priority 1001
    to 10.2.0.0/16 table 100 priority 1002 no_track
}
"""
VIRTUAL = """
    virtual_routes {
        10.3.0.0/16 via 192.0.2.254 dev eth0
        10.4.0.0/16 via 192.0.2.254 dev eth0 rtt 500ms rttvar 250ms rto_min 50ms
        10.5.0.0/16 nexthop via 192.0.2.253 weight 2 nexthop via 192.0.2.254
        10.6.0.0/16 via 192.0.2.254 dev eth0 rtt 1.5s rttvar 0.5s rto_min 1s window 5 cwnd 7 ssthresh 8 reordering 9
        10.7.0.0/16 via 192.0.2.254 mtu lock 1400 advmss 1300 initcwnd 10 hoplimit 7 src 192.0.2.10 table 200 metric 5 tos 0x10
        10.8.0.0/16 dev eth0 features ecn quickack 1 initrwnd 5 fastopen_no_cookie 1 realms 1/2 scope link
        10.9.0.0/16 dev eth0 table 1250
        throw 10.13.0.0/16 table 100
        prohibit 10.14.0.0/16
        broadcast 10.15.0.255 dev eth0 scope link table 255
        default via 192.0.2.254 dev eth0 table 101
        2001:db8:3::/64 via 2001:db8::99 dev eth0 metric 77 mtu 1300
        unreachable 2001:db8:4::/64
        2001:db8:8::/64 nexthop via 2001:db8::99 dev eth0 weight 3 nexthop via 2001:db8::98 dev eth0
        10.19.0.0/16 via 192.0.2.254 no_track protocol 42
    }
    virtual_rules {
        from 10.3.0.0/16 table 200 priority 900
        to 2001:db8:3::/64 table 200 priority 901
        from 10.4.0.0/16 fwmark 0x10/0xff iif eth0 oif eth0 lookup 200 preference 902
        blackhole from 10.5.0.0/16 priority 903
        from all ipproto tcp dport 80-81 sport 5-6 table 200 priority 904
        from 10.6.0.0/16 goto 32766 priority 905
        uidrange 5-6 table 200 priority 906 suppress_prefixlength 3
        not from 10.7.0.0/16 tos 0x10 table 200 priority 907
        to 10.8.0.0/16 realms 3/4 table 200 priority 908
        iif eth0 l3mdev priority 909
        tunnel-id 5 table 200 priority 910
        to 10.20.0.0/16 unreachable priority 911
        to 10.20.0.0/16 nop priority 912
        to 10.21.0.0/16 protocol 99 no_track priority 913 lookup main
        from 10.22.0.0/16 table 200
    }
"""


def routing(node):
    """Routes, rules and addresses, without what differs from one moment to the next."""
    words = "".join(node.run(command) for command in ("ip route show table all", "ip -6 route show table all", "ip rule", "ip -6 rule",
                                                      "ip -o address show dev eth0"))
    words = re.sub(r"[^\n]*(fe80|ff00)[^\n]*\n", "", words)
    return sorted(re.sub(r" proto keepalived$", "", line.rstrip(), flags=re.M) for line in set(words.splitlines()))


def test_the_kernel_shows_the_same_of_both_daemons(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    r1.run("ip address add 2001:db8::1/64 dev eth0 nodad")
    text = STATIC + instance(priority=255, version=3, state="MASTER", extra=VIRTUAL)
    shown = []
    before = routing(r1)
    for start in (peer, under_test):
        daemon = start(r1, text)
        pair.wait_holder("r1", VIP)
        wait_for(lambda: "16384:" in r1.run("ip rule"), "the last rule")
        shown.append(routing(r1))
        daemon.stop()
        assert routing(r1) == before
    # 2.2.7 does not know IFA_PROTO, so its addresses say nothing of who added them.
    theirs, ours = ([re.sub(r" proto (keepalived|0x12)", "", line) for line in lines] for lines in shown)
    assert ours == theirs


def test_what_is_deleted_by_hand_comes_back(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    r1.run("ip address add 2001:db8::1/64 dev eth0 nodad")
    under_test(r1, STATIC + instance(priority=150, version=3, advert=0.2, extra=VIRTUAL))
    pair.wait_holder("r1", VIP)
    for delete, show, what in (("ip route del 10.3.0.0/16", "ip route", "10.3.0.0/16 via"), ("ip rule del priority 902", "ip rule", "902:"),
                               ("ip route del 10.1.0.0/16", "ip route", "10.1.0.0/16 via"), ("ip rule del priority 1001", "ip rule", "1001:"),
                               ("ip address del 192.0.2.51/32 dev eth0", "ip address show eth0", "192.0.2.51/32")):
        wait_for(lambda: what in r1.run(show), what)
        r1.run(delete)
        wait_for(lambda: what in r1.run(show), f"{what} to be back after {delete}")
        wait_for(lambda: r1.holds(VIP), "the address")
    r1.run("ip rule del priority 1002")
    r1.run("ip route del 10.9.0.0/16 table 1250")
    wait_for(lambda: "10.9.0.0/16" in r1.run("ip route show table all"), "a tracked route in another table")
    assert "1002:" not in r1.run("ip rule"), "no_track: nobody misses it"
