"""
    NAT as drawn in lib/directors.py, with one director.

inhibit_on_failure: a failed server stays in the table with weight 0, which `xdirector status -j` shows; new connections go elsewhere.
"""

import pytest

from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf
from lib.wait import wait_for
from lib.web import ask

pytestmark = pytest.mark.xdirector


def test_inhibited_server_stays_with_weight_zero(lab):
    site = NatDirectors(lab)
    site.directors = site.directors[:1]
    site.start(director_conf("NAT", server_extra="inhibit_on_failure"))
    site.wait_master("d1")
    wait_for(lambda: set(ask(site.client, VIP, count=3)) == {"web1", "web2", "web3"}, "all servers to answer", 20)
    site.webs["web3"].process.stop()
    wait_for(lambda: set(ask(site.client, VIP, count=6)) == {"web1", "web2"}, "web3 to get nothing new", 20)
    failed = site.servers_of("d1")["172.18.1.13"]
    assert (failed["up"], failed["in_table"], failed["weight"], failed["effective_weight"]) == (False, True, 1, 0)
