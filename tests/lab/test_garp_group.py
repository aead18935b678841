"""
    r1 ──┬── lan
         └── other

garp_group: announcements on all interfaces of the group share one clock, and none is lost (keepalived 2.2.7 loses most of the repeats).
"""

from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for

VIPS = ("192.0.2.10", "198.51.100.10")
PACE = 0.2
GROUP = f"""
garp_group {{
    garp_interval {PACE}
    interfaces {{
        eth0
        eth1
    }}
}}
"""


def test_interfaces_of_a_garp_group_share_a_clock(lab, capture):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    other = lab.switch("other")
    r1.join(other, "eth1", "198.51.100.1/24")
    wires = [capture(pair.lan), capture(other)]
    under_test(r1, GROUP + instance(priority=150, version=3, advert=0.2, vips=(f"{VIPS[0]}/24", f"{VIPS[1]}/24 dev eth1"),
                                    extra="garp_master_delay 0\n    garp_master_repeat 3"))
    wait_for(lambda: all(len(wire.garps()) >= 3 for wire in wires), "three of each", 30)
    times = sorted(arp.time for wire in wires for arp in wire.garps())
    assert len(times) == 6
    # A loaded machine sends later, never earlier.
    for before, after in zip(times, times[1:]):
        assert after - before > PACE * 0.7e9
