"""
    r1

startup_script ends before there is a VRRP process, shutdown_script begins when its addresses are gone; one that hangs is killed after its time.
umask of the configuration counts for what is written, -u counts more.
"""

from lib.daemon import Daemon
from lib.pairs import RouterPair, instance
from lib.wait import wait_for

VIP = "192.0.2.10"


def script(node, name, text):
    node.write(f"/run/{name}", f"#!/bin/sh\n{text}\n", 0o755)
    return f"/run/{name}"


def test_scripts_frame_the_daemon(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    out = lab.directory / "story"
    up = script(r1, "up", f"ip -o addr show dev eth0 | grep -c {VIP} | sed 's/^/up /' >> {out}")
    down = script(r1, "down", f"ip -o addr show dev eth0 | grep -c {VIP} | sed 's/^/down /' >> {out}")
    config = f"global_defs {{\n startup_script {up}\n shutdown_script {down}\n }}" + instance(priority=200)
    daemon = Daemon(r1, config).start()
    pair.wait_holder("r1", VIP)
    assert out.read_text().split("\n")[:1] == ["up 0"]
    daemon.stop()
    assert out.read_text().split() == ["up", "0", "down", "0"]


def test_a_script_that_hangs_costs_its_time_and_no_more(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    up = script(r1, "up", "sleep 1000")
    Daemon(r1, f"global_defs {{\n startup_script {up}\n startup_script_timeout 1\n }}" + instance(priority=200)).start()
    pair.wait_holder("r1", VIP)
    wait_for(lambda: r1.run(["pgrep", "-f", "sleep 1000"], check=False).returncode != 0, "the script was killed")
