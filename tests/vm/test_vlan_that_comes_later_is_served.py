"""
    wire ── eth0 ── d1      clients and the real server are in VLAN 100, whose interface comes after the daemon

XDP is attached to the link that carries the VLAN, once it is there: a tagged packet to the virtual address goes to its real server, with the tag.
The log tells that tags may be hidden on such a link, and how to see them.
"""

import json
import socket
import struct

from lib.capture import checksum
from lib.daemon import CTL, Daemon
from lib.netns import socket_in
from lib.wait import wait_for

CONFIG = """global_defs {
    dynamic_interfaces
}
virtual_server 192.0.2.10 53 {
    lb_algo rr
    lb_kind DR
    protocol UDP
    real_server 198.51.100.11 53 {
        weight 1
    }
}
xdirector {
    engine xdp
    interface eth0.100 {
    }
}
"""
SERVER, ROUTER = bytes.fromhex("02000000000b"), bytes.fromhex("0200000000aa")


def question(director):
    """UDP of a client, tagged."""
    payload = struct.pack("!HHHH", 4242, 53, 16, 0) + b"question"
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, 17, 0, socket.inet_aton("203.0.113.7"), socket.inet_aton("192.0.2.10"))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return director + ROUTER + b"\x81\x00" + struct.pack("!H", 100) + b"\x08\x00" + header + payload


def test_vlan_that_comes_later_is_served(lab):
    d1, wires = lab.node("d1"), lab.node("wires")
    lab.root_run(f"ip link add eth0 netns {d1.namespace} type veth peer name wire netns {wires.namespace}")
    d1.run("ip link set eth0 up")
    wires.run("ip link set wire up")
    daemon = Daemon(d1, CONFIG).start()
    wait_for(lambda: daemon.running() and d1.run([CTL, "status"], check=False).returncode == 0, "the daemon to answer", 200, 0.5)
    assert "XDP is attached" not in daemon.log.read_text()

    d1.run("ip link add link eth0 name eth0.100 type vlan id 100")
    d1.run("ip addr add 198.51.100.1/24 dev eth0.100")
    d1.run("ip link set eth0.100 up")
    d1.run(f"ip neigh replace 198.51.100.11 dev eth0.100 lladdr {SERVER.hex(':')}")
    daemon.wait_log("XDP is attached to eth0:", 120)
    daemon.wait_log("eth0 carries VLAN eth0.100, whose tags may be hidden from XDP", 60)
    assert "ethtool -K DEVICE txvlan off" in json.loads(d1.run([CTL, "status", "-j"]))["interfaces"][0]["why"]

    wire = socket_in(wires.namespace, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind(("wire", 0))
    wire.settimeout(0.2)
    frame = question(bytes.fromhex(d1.mac("eth0").replace(":", "")))

    def is_served():
        wire.send(frame)
        try:
            while True:
                heard = wire.recv(2048)
                if heard[:6] == SERVER and heard.endswith(b"question"):
                    return True
        except TimeoutError:
            return False

    wait_for(is_served, "the packet to go to its real server", 60)
    assert daemon.stop(30) == 0
