"""
    r1 (150) ── lan

The queue of the kernel's events holds next to nothing and a thousand addresses come and go at once: events are lost, the master reads the
interfaces anew and stays master. An address of its own that went in the crowd is back.
"""

from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for

VIP = "192.0.2.10"
TINY = "global_defs {\n    vrrp_netlink_monitor_rcv_bufs 2304\n    vrrp_netlink_cmd_rcv_bufs 123456\n}\n"


def test_netlink_overrun_is_no_fault(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    daemon = under_test(r1, TINY + instance(priority=150, version=3, advert=0.2))
    pair.wait_holder("r1", VIP)
    assert f"rb{2 * 123456}," in r1.run("ss -f netlink -m")  # the kernel counts its own overhead, too
    add = [f"address add 198.51.{n // 250}.{n % 250 + 1}/32 dev eth0" for n in range(1000)]
    remove = [line.replace(" add ", " del ") for line in add]
    batch = r1.directory / "batch"
    batch.write_text("\n".join(add + [f"address del {VIP}/24 dev eth0"] + remove) + "\n")
    r1.run(f"ip -batch {batch}")
    wait_for(lambda: r1.holds(VIP), "the address to be back")
    # What happens later is still noticed.
    r1.run(f"ip address del {VIP}/24 dev eth0")
    wait_for(lambda: r1.holds(VIP), "the address to be back again")
    assert "FAULT" not in daemon.text()
