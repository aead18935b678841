"""
    NAT as drawn in tests/lab/lib/directors.py, with one director and engine auto: XDP, and the kernel's IPVS behind it.

Both tables hold the service. Plain requests are forwarded by XDP and IPVS counts none of them; a connection whose packets ask for a record
of their route is passed to the stack and served by IPVS.
"""

import json

from ipvs import table
from lib.daemon import CTL
from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf
from lib.wait import wait_for
from lib.web import ask

# Every packet of the client has room for one router's address, which routers have to write.
WITH_OPTIONS = f"""
import socket
s = socket.socket()
s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([7, 7, 4, 0, 0, 0, 0, 0]))
s.settimeout(10)
s.connect(("{VIP}", 80))
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.makefile().read().split()[-1])
"""


def connections(node):
    """How many connections IPVS remembers. Exact at once, where its statistics are two seconds behind; none is forgotten meanwhile."""
    return sum(line.startswith("TCP") for line in node.run("ipvsadm -Lnc").splitlines())


def reasons(node):
    return {reason["name"]: reason["packets"] for reason in json.loads(node.run([CTL, "reasons", "-j"]))["reasons"]}


def test_xdp_with_ipvs_behind(lab):
    site = NatDirectors(lab)
    site.directors = site.directors[:1]
    d1 = site.node("d1")
    site.start(lambda name: director_conf("NAT")(name) + "xdirector {\n    engine auto\n}\n")
    site.wait_master("d1", 240)
    wait_for(lambda: len(table(d1).get(f"{VIP}:80", {"servers": {}})["servers"]) == 3, "the service in IPVS", 60)
    wait_for(lambda: set(ask(site.client, VIP, count=3)) == {"web1", "web2", "web3"}, "all servers to answer", 60)

    before, by_ipvs = reasons(d1), connections(d1)
    assert ask(site.client, VIP, count=12) == {"web1": 4, "web2": 4, "web3": 4}
    after = reasons(d1)
    assert after["new_flow"] == before["new_flow"] + 12
    assert after["reply"] > before["reply"] + 12
    assert connections(d1) == by_ipvs

    answer = site.client.run(["/usr/bin/python3", "-c", WITH_OPTIONS]).strip()
    assert answer in site.webs
    assert connections(d1) == by_ipvs + 1
    assert reasons(d1)["ip_options"] > after["ip_options"]
