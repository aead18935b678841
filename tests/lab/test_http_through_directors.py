"""
    NAT and DR as drawn in lib/directors.py: a client, two directors, three nginx.

Requests reach all servers in turn; answers of 300 kB arrive whole; a killed server leaves and, back, gets its share again; a killed
director costs a pause and the other goes on. XDP native, in the driver, and generic, in the stack: the packets are the same.
"""

import pytest

from lib.directors import VIP, DrDirectors, NatDirectors
from lib.directors_conf import HTTP_CHECK, director_conf
from lib.wait import wait_for
from lib.web import Requests, ask

pytestmark = pytest.mark.xdirector

TOPOLOGIES = {"NAT": NatDirectors, "DR": DrDirectors}


@pytest.mark.parametrize("mode", ["native", "generic"])
@pytest.mark.parametrize("kind", TOPOLOGIES)
def test_http_through_directors(lab, capture, kind, mode):
    site = TOPOLOGIES[kind](lab)
    wire = capture(site.wire)
    if mode == "native":
        for director in site.directors:
            director.make_peers_receive()
    site.start(director_conf(kind, check=HTTP_CHECK, mode=mode))
    site.wait_master("d1")
    assert {interface["xdp"] for interface in site.status("d1")["interfaces"]} == {mode}

    # rr: with nobody else asking, each server gets every third request.
    wait_for(lambda: set(ask(site.client, VIP, count=3)) == set(site.webs), "all servers to answer", 20)
    assert ask(site.client, VIP, count=12) == {"web1": 4, "web2": 4, "web3": 4}
    big = site.webs["web1"].home / "html/big"
    site.client.run(["sh", "-c", f"curl -sS -m 10 http://{VIP}/big | cmp - {big}"])

    requests = Requests(site.client, VIP).start()
    requests.wait_for_more(50)
    # A server dies: for as long as the checker needs, requests to it fail; then it is out.
    site.webs["web2"].process.stop()
    wait_for(lambda: requests.lost(requests.wait_for_more(20)) == [], "web2 to leave", 20)
    mark = requests.wait_for_more(50)
    assert set(requests.served(mark)) == {"web1", "web3"} and requests.lost(mark) == []
    site.webs["web2"].start()
    wait_for(lambda: "web2" in requests.served(requests.wait_for_more(9)), "web2 to return", 20)

    # The director dies: the other serves.
    site.node("d1").power_off()
    wire.wait_advert(source="10.23.8.2")
    requests.wait_until_served()
    mark = requests.wait_for_more(50)
    assert requests.lost(mark) == []
    assert set(requests.served(mark)) == {"web1", "web2", "web3"}
    assert wire.faults() == []
