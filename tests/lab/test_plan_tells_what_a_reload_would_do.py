"""
    NAT as drawn in lib/directors.py, with one director.

`xdirector plan FILE` beside the live daemon: nothing for the file that runs; for another file each object that comes, changes or goes, and which
elections and connections that touches. It exits 0, 2 or 1, and applies nothing: the daemon logs no reload, the addresses and servers stay.
Then the same file is loaded, and nothing is left to do.
"""

import json

import pytest

from lib.daemon import CTL
from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf, nat_servers
from lib.wait import wait_for

pytestmark = pytest.mark.xdirector


def test_plan_tells_what_a_reload_would_do(lab):
    site = NatDirectors(lab)
    site.directors = site.directors[:1]
    running = director_conf("NAT", servers=nat_servers()[:2])("d1")
    site.start(lambda name: running)
    site.wait_master("d1")
    d1, daemon = site.node("d1"), site.daemons["d1"]
    wanted = d1.directory / "wanted.conf"

    def plan(text, *options):
        wanted.write_text(text)
        done = d1.run([CTL, "plan", *options, wanted], check=False)
        return done.returncode, done.stdout

    wait_for(lambda: len(site.servers_of("d1")) == 2, "two servers")
    said, addresses = daemon.mark(), d1.run("ip -br address")
    assert plan(running) == (0, "nothing to do\n")

    other = director_conf("NAT", servers=nat_servers())("d1").replace("priority 150", "priority 140")
    status, told = plan(other)
    assert status == 2
    lines = told.splitlines()
    assert any(line.startswith("add real_server 172.18.1.13") and line.endswith("new connections only, once its checkers are up") for line in lines)
    assert "    - priority 150" in lines and "    + priority 140" in lines
    assert any("the election may choose another master" in line for line in lines)

    status, told = plan(running.replace(f"{VIP}/24", "10.23.8.81/24", 1), "-j")
    assert status == 2
    objects = {(change["kind"], change["object"].split()[0]) for change in json.loads(told)["changes"]}
    assert ("change", "vrrp_instance") in objects

    status, told = plan(running + "vrrp_instance BROKEN {\n")
    assert (status, told) == (1, "")

    assert "eload" not in daemon.text()[said:]
    assert d1.run("ip -br address") == addresses
    assert len(site.servers_of("d1")) == 2

    daemon.reload(other)
    wait_for(lambda: len(site.servers_of("d1")) == 3, "the third server", 20)
    assert plan(other) == (0, "nothing to do\n")
