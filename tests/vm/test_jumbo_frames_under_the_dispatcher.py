"""
    out (clients, and a real server) ── eth0 ── d1, as drawn in test_xdp_equals_ipvs.py, with an MTU of 9000 and XDP in native mode

A frame of 9,000 bytes does not fit into one buffer of the driver. Under libxdp's dispatcher, too, the program takes it in several and sends it on whole: by the
interface that it came in by, for before Linux 6.3 no other one takes such a frame.
"""

import json

from arrivals import ACK, PSH, SYN, TCP, packet
from lib.daemon import CTL, Daemon
from lib.wait import wait_for
from test_xdp_equals_ipvs import Site

SERVER = "02:00:00:00:02:01"
CONFIG = """virtual_server 192.0.2.1 80 {
    lb_algo rr
    lb_kind DR
    real_server 203.0.113.50 80 {
        weight 1
    }
}
xdirector {
    engine xdp
    interface eth0 {
        mode native
    }
}
"""


def test_jumbo_frames_under_the_dispatcher(lab):
    site = Site(lab)
    site.director.run("ip link set eth0 mtu 9000")
    lab.nodes["wires"].run("ip link set out mtu 9000")
    site.director.run(f"ip neigh replace 203.0.113.50 dev eth0 lladdr {SERVER}")
    daemon = Daemon(site.director, CONFIG).start()
    wait_for(lambda: "served by xdp" in site.director.run([CTL, "status"], check=False).stdout, "the daemon to serve", 200, 0.5)
    daemon.wait_log("XDP is attached to eth0: native, other programs can run beside it")
    assert "xd_entry" in site.director.run("xdp-loader status eth0")
    site.settle()

    data = bytes(range(256)) * 34
    for flags, what in ((SYN, b""), (ACK, b""), (PSH | ACK, data)):
        site.out.send(packet(TCP, "198.51.100.7", 4242, "192.0.2.1", 80, flags=flags, data=what))
    served = [frame for _, frame in site.settle() if frame[:6].hex(":") == SERVER]
    assert len(served) == 3 and served[2].endswith(data)
    counted = {reason["name"]: reason["packets"] for reason in json.loads(site.director.run([CTL, "reasons", "-j"]))["reasons"]}
    assert counted["established"] == 1 and not counted["too_big"] and not counted["truncated"]
    assert daemon.stop(60) == 0
