"""
    NAT as drawn in lib/directors.py.

`xdirector status -j` on both directors agrees with what the network shows: who is master, who holds which address, which servers are up, which
engine serves, how many requests went where. Without -j it is for people; `reasons` counts packets; only root may ask.
"""

import pytest

from lib.daemon import CTL
from lib.directors import INSIDE_VIP, VIP, NatDirectors
from lib.directors_conf import director_conf
from lib.wait import wait_for
from lib.web import ask

pytestmark = pytest.mark.xdirector


def test_status_tells_what_is_so(lab):
    site = NatDirectors(lab)
    site.start(director_conf("NAT"))
    site.wait_master("d1")
    d1 = site.node("d1")

    for name, state, priority in (("d1", "MASTER", 150), ("d2", "BACKUP", 100)):
        wait_for(lambda: {i["master"] for i in site.status(name)["instances"]} == {"10.23.8.1", "172.18.1.1"}, f"{name} knows the master")
        instances = {instance["name"]: instance for instance in site.status(name)["instances"]}
        assert {i: (v["state"], v["priority"]) for i, v in instances.items()} == {"OUTSIDE": (state, priority), "INSIDE": (state, priority)}
        assert instances["OUTSIDE"]["addresses"] == [f"{VIP}/24"]
        assert instances["INSIDE"]["addresses"] == [f"{INSIDE_VIP}/24"]

    wait_for(lambda: set(ask(site.client, VIP, count=3)) == {"web1", "web2", "web3"}, "all servers to answer", 20)
    before = sum(server["connections"] for server in site.servers_of("d1").values())
    assert sum(ask(site.client, VIP, count=6).values()) == 6
    servers = site.servers_of("d1")
    assert sum(server["connections"] for server in servers.values()) == before + 6
    assert all(server["up"] for server in servers.values())
    assert site.status("d1")["services"][0]["xdp"]

    site.webs["web1"].process.stop()
    wait_for(lambda: not site.servers_of("d1")["172.18.1.11"]["up"], "web1 shown as down", 20)

    processes = {process["name"]: process["pid"] for process in site.status("d1")["processes"]}
    assert set(processes) == {"parent", "vrrp", "checkers"}
    assert processes["vrrp"] == int(site.daemons["d1"].pid_files["vrrp"].read_text())

    text = d1.run([CTL, "status"])
    assert "MASTER" in text and f"{VIP}:80" in text
    assert "established" in d1.run([CTL, "reasons"])
    assert d1.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", CTL, "status"], check=False).returncode != 0
