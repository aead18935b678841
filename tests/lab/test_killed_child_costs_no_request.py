"""
    NAT as drawn in lib/directors.py.

While a client asks without pause, the vrrp process of the master is killed, then the checkers process, then both processes again. Each comes back; no
request is lost, and the backup never speaks: the vrrp process is back before the master-down time of its peer.
"""

import pytest

from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf
from lib.web import Requests

pytestmark = pytest.mark.xdirector


@pytest.mark.parametrize("role", ["vrrp", "checkers"])
def test_killed_child_costs_no_request(lab, capture, role):
    site = NatDirectors(lab)
    wire = capture(site.wire)
    site.start(director_conf("NAT"))
    site.wait_master("d1")
    requests = Requests(site.client, VIP).start()
    requests.wait_until_served()
    requests.wait_for_more(20)

    mark, since = requests.mark(), wire.mark()
    site.daemons["d1"].wait_ready("parent", role).kill_role(role)
    requests.wait_for_more(200)
    wire.wait_advert(source="10.23.8.1")
    wire.wait_advert(source="10.23.8.1")

    assert requests.lost(mark) == []
    assert wire.turns(since) == ["10.23.8.1"], "an election took place"
    assert site.holders() == ["d1"]
    assert wire.adverts(since, priority=0) == []
    served = requests.served(mark)
    assert set(served) == {"web1", "web2", "web3"}
