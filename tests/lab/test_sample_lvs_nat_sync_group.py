"""
    NAT as drawn in lib/directors.py, run by conf/samples/lvs-nat-sync-group.conf.

Both addresses move together when the outside wire of the master breaks and when it dies.
"""

import pytest

from lib.directors import INSIDE_VIP, VIP, NatDirectors
from lib.samples import sample
from lib.wait import wait_for

pytestmark = [pytest.mark.xdirector, pytest.mark.timeout(180)]


def test_sample_lvs_nat_sync_group(lab, capture):
    site = NatDirectors(lab)
    wire = capture(site.wire)
    site.start(lambda name: sample("lvs-nat-sync-group") if name == "d1" else sample("lvs-nat-sync-group", 50, "BACKUP"))

    def both(name):
        wait_for(lambda: (site.holders(), site.holders(INSIDE_VIP)) == ([name], [name]), f"{name} alone holds both addresses", 40)

    both("d1")
    d1 = site.node("d1")
    d1.unplug("eth0")
    both("d2")
    d1.plug("eth0")
    both("d1")
    assert site.daemons["d1"].stop() == 0
    both("d2")
    assert wire.complaints(lab.directory) == []
