"""
    r1 ── lan
     └── red (a network namespace on r1) ── wire0

net_namespace: the daemon is started outside and works inside; a reload cannot move it.
"""

from lib.daemon import UNDER_TEST
from lib.net import Process
from lib.pairs import RouterPair, instance
from lib.wait import wait_for

VIP = "198.51.100.10"


def config(namespace):
    return f"net_namespace {namespace}\n" + instance(device="wire0", priority=150, version=3, advert=0.2, vips=(f"{VIP}/24",))


def test_the_daemon_works_in_its_namespace(lab):
    r1 = RouterPair(lab, count=1).routers[0]
    r1.run("ip netns add red")
    lab.at_close(lambda: r1.run("ip netns del red", check=False))
    for command in ("link add wire0 type veth peer name wire1", "address add 198.51.100.1/24 dev wire0", "link set wire1 up",
                    "link set wire0 up", "link set lo up"):
        r1.run(f"ip -n red {command}")
    file = r1.directory / "red.conf"
    file.write_text(config("red"))
    daemon = Process(r1, [UNDER_TEST, "-n", "-l", "-G", "-f", file], r1.directory / "daemon.log")

    def inside():
        return r1.run("ip -n red -br address show dev wire0", check=False).stdout

    wait_for(lambda: VIP in inside(), "the address in the namespace", 30)
    assert not r1.holds(VIP)
    assert r1.run("ip -n red -br address", check=False).stdout.count(VIP) == 1
    if "xdirectord" in UNDER_TEST:
        file.write_text(config("blue"))
        assert r1.run("cat /run/keepalived/keepalived_red.pid").strip()
        r1.run("sh -c 'kill -HUP $(cat /run/keepalived/keepalived_red.pid)'")
        wait_for(lambda: "net_namespace cannot be changed by a reload" in daemon.text(), "the refusal")
        assert VIP in inside()
    daemon.stop()
    wait_for(lambda: VIP not in inside(), "the address to go")
