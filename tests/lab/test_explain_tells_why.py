"""
    NAT as drawn in lib/directors.py, with one director; web3 does not answer.

`xdirector explain` tells why an instance is master, why a server is up or down, and what would become of a packet, decision by decision; asking
leaves no trace. `services` and `flows` show what is served, as ipvsadm prints it.
"""

import json

import pytest

from lib.daemon import CTL
from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf
from lib.wait import wait_for
from lib.web import ask

pytestmark = pytest.mark.xdirector


def explain(node, what):
    return dict((step["step"], step["words"]) for step in json.loads(node.run([CTL, "-j", "explain", what]))["steps"])


def reasons(node):
    return {reason["name"]: reason["packets"] for reason in json.loads(node.run([CTL, "reasons", "-j"]))["reasons"] if reason["packets"]}


def test_explain_tells_why(lab):
    site = NatDirectors(lab)
    site.directors = site.directors[:1]
    d1 = site.node("d1")
    site.webs["web3"].process.stop()
    site.start(director_conf("NAT"))
    site.wait_master("d1", 60)
    wait_for(lambda: set(ask(site.client, VIP, count=4)) == {"web1", "web2"}, "two servers to answer", 30)

    words = d1.run([CTL, "explain", "OUTSIDE"])
    assert words.startswith("OUTSIDE is MASTER on eth0 (VRID ") and ": its sync group changed\n" in words
    assert "  master: this router" in words
    up, down = (d1.run([CTL, "explain", f"172.18.1.1{n}:80"]) for n in (1, 3))
    assert "172.18.1.11:80 of 10.23.8.80:80/tcp: up for" in up and "TCP_CHECK to 172.18.1.11:80: up" in up
    assert ": down for" in down and "refused" in down and "it is not in the table: it is down" in down
    service = d1.run([CTL, "explain", VIP])
    assert "  live weight 2, quorum 1\n" in service and "172.18.1.13:80 is down for" in service
    failed = d1.run([CTL, "explain", "nothing"], check=False)
    assert failed.returncode == 1 and "'nothing' is not known here; there are" in failed.stderr

    # A packet. Asking changes neither counters nor turns nor flows.
    flows, counted = d1.run([CTL, "flows"]).count("\n"), reasons(d1)
    packet = f"tcp 10.23.8.100:4242 > {VIP}:80"
    first = explain(d1, packet)
    assert first == explain(d1, packet)
    assert first["address"] == "held by this director"
    assert first["flow"] == "none is known"
    assert first["service"].startswith("10.23.8.80:80/tcp: rr, 2 of 2 real servers take new connections")
    assert first["scheduled"].startswith("a new flow: SYN_RECV to 172.18.1.1")
    assert first["reason"] == "new_flow: first packet of a flow, scheduled"
    assert first["sent"].startswith("10.23.8.100:4242 > 172.18.1.1") and "TTL 63" in first["sent"]
    assert explain(d1, packet + " A")["reason"].startswith("no_flow: ")
    assert explain(d1, f"tcp 10.23.8.100:4242 > {VIP}:81")["service"] == "none for 10.23.8.80:81/tcp, though the address has others"
    assert explain(d1, "udp 10.23.8.100:4242 > 192.0.2.1:53")["reason"].startswith("not_ours: ")
    assert d1.run([CTL, "explain", "tcp 10.23.8.100 > x"], check=False).returncode == 1
    assert d1.run([CTL, "explain", *packet.split()]) == d1.run([CTL, "explain", packet]), "quoted or not"
    after = reasons(d1)
    assert {name: n for name, n in after.items() if name in ("new_flow", "no_service")} == {
        name: n for name, n in counted.items() if name in ("new_flow", "no_service")}
    assert d1.run([CTL, "flows"]).count("\n") == flows

    # A connection that is there.
    shown = d1.run([CTL, "flows", "tcp service :80 client 10.23.8.100"]).splitlines()
    assert shown[:2] == ["IPVS connection entries", "pro expire state       source             virtual            destination"]
    words = shown[2].split()
    assert words[0] == "TCP" and words[4] == f"{VIP}:80" and words[5].startswith("172.18.1.1")
    known = explain(d1, f"tcp {words[3]} > {VIP}:80")
    assert known["flow"].startswith(f"{words[2]} to {words[5]}, forgotten after")
    assert known["reason"].split(":")[0] in ("established", "half_open")
    assert json.loads(d1.run([CTL, "-j", "flows", f"client {words[3]}"]))[0]["server"] == words[5]

    services = d1.run([CTL, "services"]).splitlines()
    assert f"TCP  {VIP}:80 rr" in services
    assert any(line.startswith("  -> 172.18.1.11:80               Masq    1      ") for line in services)
    stats = next(line for line in d1.run([CTL, "services", "--stats"]).splitlines() if line.startswith(f"TCP  {VIP}:80")).split()
    assert int(stats[2]) >= 4 and int(stats[3]) >= 16
