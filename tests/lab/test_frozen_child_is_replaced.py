"""
    NAT as drawn in lib/directors.py, with one director.

A child that hangs (SIGSTOP) does not answer the parent's hello: it is killed and started again, which the log says in words. Packets flow
all the while.
"""

import signal

import pytest

from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf
from lib.wait import wait_for
from lib.web import Requests

pytestmark = pytest.mark.xdirector


@pytest.mark.parametrize("role", ["vrrp", "checkers"])
def test_frozen_child_is_replaced(lab, role):
    site = NatDirectors(lab)
    site.directors = site.directors[:1]
    site.start(director_conf("NAT"))
    site.wait_master("d1")
    daemon = site.daemons["d1"].wait_ready("parent", role)
    requests = Requests(site.client, VIP).start()
    requests.wait_until_served()
    mark, old, said = requests.mark(), daemon.pid(role), daemon.mark()
    daemon.send(signal.SIGSTOP, role)
    wait_for(lambda: daemon.pid(role) not in (None, old), f"a new {role} process", 40, 0.1)
    assert role in daemon.text()[said:]
    requests.wait_for_more(100)
    assert requests.lost(mark) == []
    assert site.holders() == ["d1"]
