"""
    NAT as drawn in lib/directors.py, with one director.

Everything of the daemon is killed at once. The pinned program goes on forwarding old and new connections; a new start takes over the
tables without losing a request. After an orderly end nothing is forwarded, but a connection that was open then goes on after the next start.
"""

import socket

import pytest

from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf
from lib.netns import socket_in
from lib.wait import wait_for
from lib.web import Requests

pytestmark = pytest.mark.xdirector


def test_packets_flow_without_the_daemon(lab):
    site = NatDirectors(lab)
    site.directors = site.directors[:1]
    site.start(director_conf("NAT"))
    site.wait_master("d1")
    requests = Requests(site.client, VIP).start()
    requests.wait_until_served()
    requests.wait_for_more(20)

    mark = requests.mark()
    site.node("d1").kill_everything()
    requests.wait_for_more(100)
    assert requests.lost(mark) == [], "the pinned program stopped forwarding"

    site.start(director_conf("NAT"))
    site.wait_master("d1")
    requests.wait_for_more(100)
    assert requests.lost(mark) == [], "the new start lost requests"

    requests.stop()
    connection = socket_in(site.client.namespace, socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(30)
    connection.connect((VIP, 80))
    connection.sendall(b"GET / HTTP/1.0\r\n")
    assert site.daemons["d1"].stop(30) == 0
    wait_for(lambda: not site.node("d1").holds(VIP), "the address to go", 20)
    site.start(director_conf("NAT"))
    site.wait_master("d1")
    connection.sendall(b"\r\n")
    assert b" 200 " in connection.recv(4096)
