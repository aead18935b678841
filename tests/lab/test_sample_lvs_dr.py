"""
    DR as drawn in lib/directors.py, run by conf/samples/lvs-dr.conf.

The sample's own delays count (delay_loop 6 and more), so leaving and returning takes its time.
"""

import pytest

from lib.directors import VIP, DrDirectors
from lib.samples import sample
from lib.wait import wait_for
from lib.web import Requests, ask

pytestmark = [pytest.mark.xdirector, pytest.mark.timeout(240)]


def test_sample_lvs_dr(lab, capture):
    site = DrDirectors(lab)
    wire = capture(site.wire)
    site.start(lambda name: sample("lvs-dr") if name == "d1" else sample("lvs-dr", 100, "BACKUP"))
    site.wait_master("d1")
    wait_for(lambda: set(ask(site.client, VIP, count=6)) == {"web1", "web2", "web3"}, "all servers to answer", 30)
    requests = Requests(site.client, VIP).start()
    requests.wait_for_more(100)

    site.webs["web3"].process.stop()
    wait_for(lambda: set(ask(site.client, VIP, count=6)) == {"web1", "web2"}, "web3 to leave", 60)
    site.webs["web3"].start()
    wait_for(lambda: "web3" in ask(site.client, VIP, count=6), "web3 to return", 60)
    wait_for(lambda: site.servers_of("d2")["10.23.8.13"]["up"], "d2 to know that web3 is back", 60, 0.2)

    site.node("d1").power_off()
    wire.wait_advert(source="10.23.8.2")
    requests.wait_until_served()
    mark = requests.wait_for_more(60)
    assert requests.lost(mark) == []
    assert set(requests.served(mark)) == {"web1", "web2", "web3"}
    assert wire.complaints(lab.directory) == []
