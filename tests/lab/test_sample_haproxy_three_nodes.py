"""
    r1 (101) ──┐
    r2 (100) ──┼── lan ── client       haproxy on each node, `killall -0 haproxy` every 2 s
    r3 (99)  ──┘

conf/samples/haproxy-three-nodes.conf. haproxy of r1 is killed: the address goes to r2; that of r2 too: r3; they return: back.
"""

import re
import signal

import pytest

from lib.pairs import under_test
from lib.samples import sample
from lib.wait import wait_for

HAPROXY = """
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend web
    bind *:80
    http-request return status 200 content-type text/plain string "%s"
"""


@pytest.mark.timeout(180)
def test_sample_haproxy_three_nodes(lab, capture):
    text = sample("haproxy-three-nodes")
    device = re.search(r"(?m)^\s*interface\s+(\S+)", text)[1]
    vip = re.search(r"virtual_ipaddress\s*\{\s*([0-9.]+)", text)[1]
    network = vip.rsplit(".", 1)[0]
    lan = lab.switch("lan")
    wire = capture(lan)
    client = lab.node("client").join(lan, "eth0", f"{network}.240/24")
    routers = [lab.node(f"r{n}").join(lan, device, f"{network}.{240 + n}/24") for n in (1, 2, 3)]
    proxies = {}

    def start_haproxy(node):
        config = node.directory / "haproxy.cfg"
        config.write_text(HAPROXY % node.name)
        proxies[node.name] = node.start(["/usr/sbin/haproxy", "-db", "-f", config])

    def served_by(name, timeout=40):
        def settled():
            return [r.name for r in routers if r.holds(vip)] == [name] and client.run(
                f"curl -s -m 1 http://{vip}/", check=False).stdout == name
        wait_for(settled, f"{name} alone holds {vip} and answers there", timeout, 0.1)

    for node, priority in zip(routers, (101, 100, 99)):
        start_haproxy(node)
        daemon = under_test(node, sample("haproxy-three-nodes", priority, "MASTER" if priority == 101 else "BACKUP"))
    served_by("r1")
    proxies["r1"].stop(signal.SIGKILL)
    served_by("r2")
    proxies["r2"].stop(signal.SIGKILL)
    served_by("r3")
    start_haproxy(routers[0])
    served_by("r1")
    start_haproxy(routers[1])

    assert len(wire.adverts()[-1].password.rstrip(b"\0")) == 8, "auth_pass is cut to eight characters"
    assert wire.complaints(lab.directory) == []
    assert daemon.stop() == 0
