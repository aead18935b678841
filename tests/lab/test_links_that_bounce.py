"""
    r1 ── lan

interface_up_down_delays: a link that comes back soon enough was never gone. linkbeat_interfaces: the driver is asked once a second, and the
log says who reports.
"""

import pytest

from lib.pairs import RouterPair, instance, under_test
from lib.wait import stays, wait_for

VIP = "192.0.2.10"
DELAYS = "interface_up_down_delays {\n    eth0 6 0\n}\n"
POLLED = "linkbeat_interfaces {\n    eth0%s\n}\n"


def test_a_short_loss_is_none_and_a_long_one_is_a_fault(lab):
    r1 = RouterPair(lab, count=1).routers[0]
    # Adverts so far apart that the delay may be that long.
    daemon = under_test(r1, DELAYS + instance(priority=255, state="MASTER", version=3, advert=5))
    wait_for(lambda: r1.holds(VIP), "the address")
    since = daemon.mark()
    r1.unplug()
    r1.plug()
    stays(lambda: r1.holds(VIP), "the loss did not last", 8)
    assert "FAULT" not in daemon.text()[since:]
    r1.unplug()
    daemon.wait_log("Entering FAULT STATE", since=since, timeout=30)


@pytest.mark.parametrize("way", ["", " ETHTOOL", " IOCTL", " MII"])
def test_a_polled_link_is_believed(lab, way):
    r1 = RouterPair(lab, count=1).routers[0]
    daemon = under_test(r1, POLLED % way + instance(priority=150, version=3, advert=0.2))
    wait_for(lambda: r1.holds(VIP), "the address")
    since = daemon.mark()
    r1.unplug()
    daemon.wait_log("Linkbeat reports eth0 down", since=since)
    daemon.wait_log("Entering FAULT STATE", since=since)
    r1.plug()
    daemon.wait_log("Linkbeat reports eth0 up", since=since)
    wait_for(lambda: r1.holds(VIP), "the address again")
