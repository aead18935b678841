"""
    NAT as drawn in lib/directors.py, with one director and a client that asks without pause.

SIGHUP with a broken file: it is reported with place and cause, and everything goes on as before. SIGHUP with a good one: its change takes
effect, no request is lost and the adverts do not pause for it.
"""

import pytest

from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf, nat_servers
from lib.wait import wait_for
from lib.web import Requests

pytestmark = pytest.mark.xdirector


def test_broken_reload_changes_nothing(lab, capture):
    site = NatDirectors(lab)
    site.directors = site.directors[:1]
    wire = capture(site.wire)
    two, three = nat_servers()[:2], nat_servers()
    site.start(director_conf("NAT", servers=two))
    site.wait_master("d1")
    daemon = site.daemons["d1"]
    requests = Requests(site.client, VIP).start()
    requests.wait_until_served()
    requests.wait_for_more(20)
    begin, since = requests.mark(), wire.mark()

    good = director_conf("NAT", servers=three)("d1")
    broken = good.replace("virtual_router_id 51", "virtual_router_id 300", 1)
    line = 1 + broken[: broken.index("virtual_router_id 300")].count("\n")
    said = daemon.mark()
    processes = {role: daemon.pid(role) for role in ("parent", "vrrp", "checkers")}
    daemon.reload(broken)
    daemon.wait_log(f"keepalived.conf:{line}:", since=said)
    mark = requests.wait_for_more(60)
    assert set(requests.served(mark)) == {"web1", "web2"}, "the broken file took effect in part"
    assert {role: daemon.pid(role) for role in processes} == processes

    daemon.reload(good)
    wait_for(lambda: "web3" in requests.served(requests.wait_for_more(6)), "the added server to get requests", 20)
    assert requests.lost(begin) == []
    assert {role: daemon.pid(role) for role in processes} == processes
    assert set(advert.priority for advert in wire.adverts(since)) == {150}
    assert site.holders() == ["d1"]
