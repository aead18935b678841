"""
    NAT as drawn in tests/lab/lib/directors.py, with one director and engine ipvs: no packet path in XDP.

The kernel's table is what the file and the checkers say: after the start, when a server leaves and returns, after a reload
(which leaves alone what did not change) and after SIGTERM.
"""

from collections import Counter

from ipvs import table
from lib.directors import VIP, DrDirectors, NatDirectors
from lib.directors_conf import HTTP_CHECK, director_conf, nat_servers
from lib.wait import wait_for
from lib.web import ask

SERVICE = f"{VIP}:80"


def text(**options):
    return director_conf("NAT", algo="wrr", check=HTTP_CHECK, **options)("d1") + "xdirector {\n    engine ipvs\n}\n"


def held(node):
    return {server: weight for server, (_, weight) in table(node).get(SERVICE, {"servers": {}})["servers"].items()}


def served(node, server):
    """Connections that a server has got so far."""
    lines = (line.split() for line in node.run("ipvsadm -Ln --stats").splitlines())
    return next(int(words[2]) for words in lines if words[:2] == ["->", server])


def test_ipvs_holds_what_the_file_says(lab):
    site = NatDirectors(lab)
    site.directors = site.directors[:1]
    d1 = site.node("d1")
    web1, web2, web3 = (f"{server}:80" for server in nat_servers())
    weights = dict(zip(nat_servers(), (1, 2, 3)))
    site.start(lambda name: text(weights=weights))
    site.wait_master("d1", timeout=90)  # the verifier of an emulated kernel takes its time

    wait_for(lambda: held(d1) == {web1: 1, web2: 2, web3: 3}, "the configured table", 30)
    assert table(d1)[SERVICE]["scheduler"] == "wrr"
    assert all(forward == "-m" for forward, _ in table(d1)[SERVICE]["servers"].values())
    assert ask(site.client, VIP, count=12) == Counter(web1=2, web2=4, web3=6)

    site.webs["web2"].process.stop()
    wait_for(lambda: held(d1) == {web1: 1, web3: 3}, "web2 to leave", 30)
    site.webs["web2"].start()
    wait_for(lambda: held(d1) == {web1: 1, web2: 2, web3: 3}, "web2 to return", 30)

    # A reload sends the difference: web1 is not touched, so its connections are counted on.
    ask(site.client, VIP, count=6)
    weights[nat_servers()[2]] = 7
    wait_for(lambda: served(d1, web1) > 0, "IPVS's statistics")
    before = served(d1, web1)
    site.daemons["d1"].reload(text(weights=weights, servers=[nat_servers()[0], nat_servers()[2]]))
    wait_for(lambda: held(d1) == {web1: 1, web3: 7}, "the reloaded table", 30)
    assert served(d1, web1) >= before

    assert site.daemons["d1"].stop() == 0
    assert table(d1) == {}


def test_dr_through_ipvs(lab):

    site = DrDirectors(lab)
    site.directors = site.directors[:1]
    d1 = site.node("d1")
    site.start(lambda name: director_conf("DR", check=HTTP_CHECK)(name) + "xdirector {\n    engine ipvs\n}\n")
    site.wait_master("d1", timeout=90)  # the verifier of an emulated kernel takes its time
    wait_for(lambda: len(table(d1).get(SERVICE, {"servers": {}})["servers"]) == 3, "the configured table", 30)
    assert all(forward == "-g" for forward, _ in table(d1)[SERVICE]["servers"].values())
    shares = ask(site.client, VIP, count=6)
    assert shares == Counter(web1=2, web2=2, web3=2)
