"""
    NAT as drawn in lib/directors.py.

The parent alone is killed: its children go on, packets flow, the backup stays backup. A new parent takes over where the old one stopped: no
request is lost and there is no election.
"""

import signal

import pytest

from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf
from lib.wait import wait_for
from lib.web import Requests

pytestmark = pytest.mark.xdirector


def test_parent_dies_and_returns(lab, capture):
    site = NatDirectors(lab)
    wire = capture(site.wire)
    site.start(director_conf("NAT"))
    site.wait_master("d1")
    daemon = site.daemons["d1"].wait_ready("parent", "vrrp", "checkers")
    requests = Requests(site.client, VIP).start()
    requests.wait_until_served()
    requests.wait_for_more(20)

    mark, since = requests.mark(), wire.mark()
    daemon.process.send(signal.SIGKILL)
    daemon.process.wait()
    requests.wait_for_more(100)
    wire.wait_advert(source="10.23.8.1")
    daemon.start()
    wait_for(lambda: daemon.pid("parent"), "the new parent")
    daemon.wait_ready("vrrp", "checkers")
    requests.wait_for_more(200)
    for _ in range(5):
        wire.wait_advert(source="10.23.8.1")
    assert requests.lost(mark) == []
    assert wire.turns(since) == ["10.23.8.1"], "an election took place"
    assert wire.adverts(since, priority=0) == []
    assert site.holders() == ["d1"]
