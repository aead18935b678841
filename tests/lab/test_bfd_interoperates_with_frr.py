"""
    r1 (xdirectord) ── lan ── r2 (FRR's bfdd)

Sessions over IPv4 and IPv6 come up with FRR, at the rates both agreed on. A neighbour that falls silent is a fault of the instance that tracks
it; the death of our own BFD process, or its standing still, is none.
"""

import json
import signal

import pytest

from lib.bfd import Frr
from lib.daemon import CTL
from lib.pairs import RouterPair, instance, under_test
from lib.wait import stays, wait_for

pytestmark = pytest.mark.xdirector

VIP = "192.0.2.10"
SESSION = """
bfd_instance {name} {{
    neighbor_ip {neighbor}
    source_ip {source}
    min_rx 100
    min_tx 100
    multiplier 3
    {extra}
}}
"""
PEER = """ peer {address} {options}
  receive-interval 150
  transmit-interval 100
  detect-multiplier 3
 !
"""


def sessions(router):
    shown = router.run([CTL, "status", "-j"], check=False)
    try:
        return {s["name"]: s for s in json.loads(shown.stdout)["bfd"]["sessions"]}
    except (json.JSONDecodeError, KeyError):
        return {}


def state(router, name):
    return sessions(router).get(name, {}).get("state")


def pid_option(router):
    return ["-b", router.directory / "bfd.pid"]


def start(lab):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    for number, router in ((1, r1), (2, r2)):
        router.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.disable_ipv6=0")
        router.run(f"ip addr add 2001:db8::{number}/64 dev eth0 nodad")
    frr = Frr(r2, PEER.format(address="192.0.2.1", options="") + PEER.format(address="2001:db8::1", options="local-address 2001:db8::2"))
    config = SESSION.format(name="four", neighbor="192.0.2.2", source="192.0.2.1", extra="") + \
        SESSION.format(name="six", neighbor="2001:db8::2", source="2001:db8::1", extra="")
    daemon = under_test(r1, config + instance(priority=101, version=3, advert=0.2, extra="track_bfd {\n        four\n        six weight 5\n    }"),
                        options=pid_option(r1))
    daemon.pid_files["bfd"] = r1.directory / "bfd.pid"
    frr.wait("192.0.2.1", "up")
    frr.wait("2001:db8::1", "up")
    pair.wait_holder("r1", VIP, 30)
    return pair, r1, frr, daemon


def test_sessions_come_up_and_a_silent_neighbour_is_a_fault(lab):
    pair, r1, frr, daemon = start(lab)
    wait_for(lambda: abs(sessions(r1)["four"]["transmit_interval"] - 0.15) < 0.001, "the neighbour's slower rate")
    assert abs(sessions(r1)["four"]["detection_time"] - 0.3) < 0.001
    assert frr.peers()["192.0.2.1"]["remote-detect-multiplier"] == 3
    since = daemon.mark()
    frr.bfdd.send(signal.SIGSTOP)
    daemon.wait_log("Entering FAULT STATE", 30, since)
    wait_for(lambda: state(r1, "six") == "Down", "the other session is down as well", 30)
    frr.bfdd.send(signal.SIGCONT)
    pair.wait_holder("r1", VIP, 30)
    # What FRR's administrator takes out of service has not failed.
    since = daemon.mark()
    frr.shut_down("192.0.2.1")
    daemon.wait_log("Neighbor Signaled Session Down", 30, since)
    frr.shut_down("192.0.2.1", word="no shutdown")
    frr.wait("192.0.2.1", "up")
    wait_for(lambda: state(r1, "four") == "Up", "the session is up again", 30)
    assert "FAULT" not in daemon.text()[since:] and pair.holders(VIP) == ["r1"]


def test_several_hops_and_one_that_waits(lab):
    near, far = lab.switch("near"), lab.switch("far")
    r1 = lab.node("r1").join(near, "eth0", "192.0.2.1/24")
    between = lab.node("between").join(near, "eth0", "192.0.2.254/24").join(far, "eth1", "198.51.100.254/24")
    r2 = lab.node("r2").join(far, "eth0", "198.51.100.2/24")
    for node, addresses in ((r1, ["eth0 2001:db8:1::1"]), (r2, ["eth0 2001:db8:2::2"]), (between, ["eth0 2001:db8:1::fe", "eth1 2001:db8:2::fe"])):
        node.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.all.forwarding=1 net.ipv4.ip_forward=1")
        for device, address in map(str.split, addresses):
            node.run(f"sysctl -qw net.ipv6.conf.{device}.disable_ipv6=0")
            node.run(f"ip addr add {address}/64 dev {device} nodad")
    for node, four, six in ((r1, "192.0.2.254", "2001:db8:1::fe"), (r2, "198.51.100.254", "2001:db8:2::fe")):
        node.run(f"ip route add default via {four}")
        node.run(f"ip route add default via {six}")
    frr = Frr(r2, PEER.format(address="192.0.2.1", options="multihop local-address 198.51.100.2")
              + PEER.format(address="2001:db8:1::1", options="multihop local-address 2001:db8:2::2"))
    config = SESSION.format(name="four", neighbor="198.51.100.2", source="192.0.2.1", extra="multihop on\n    max_hops 2\n    passive") \
        + SESSION.format(name="six", neighbor="2001:db8:2::2", source="2001:db8:1::1", extra="multihop on")
    daemon = under_test(r1, config + instance(version=3, advert=0.2, extra="track_bfd {\n        four\n        six weight 5\n    }"))
    frr.wait("192.0.2.1", "up")
    frr.wait("2001:db8:1::1", "up")
    wait_for(lambda: r1.holds(VIP), "the address", 30)
    since = daemon.mark()
    between.run("ip link set eth1 down")
    daemon.wait_log("Entering FAULT STATE", 30, since)
    wait_for(lambda: (state(r1, "four"), state(r1, "six")) == ("Down", "Down"), "both sessions down", 30)
    between.run("ip link set eth1 up")
    between.run("ip addr add 2001:db8:2::fe/64 dev eth1 nodad")
    wait_for(lambda: r1.holds(VIP) and state(r1, "six") == "Up", "both sessions again", 30)


def test_death_of_the_bfd_process_is_not_the_neighbours(lab):
    pair, r1, frr, daemon = start(lab)
    since = daemon.mark()
    for signo in (signal.SIGKILL, signal.SIGSTOP):
        if signo == signal.SIGKILL:
            daemon.kill_role("bfd")
        else:
            daemon.send(signal.SIGSTOP, "bfd")
            frr.wait("192.0.2.1", "down")
            daemon.send(signal.SIGCONT, "bfd")
        frr.wait("192.0.2.1", "up")
        wait_for(lambda: state(r1, "four") == "Up", "the session is up again", 30)
    stays(lambda: pair.holders(VIP) == ["r1"], "r1 goes on", 1)
    assert "FAULT" not in daemon.text()[since:], "nothing of it was taken for the neighbour's end"


def test_stop_says_farewell(lab):
    pair, r1, frr, daemon = start(lab)
    daemon.stop()
    frr.wait("192.0.2.1", "down")
    assert frr.peers()["192.0.2.1"]["remote-diagnostic"] == "administratively down"
