"""
    NAT as drawn in lib/directors.py, with one director. web1 and web2 are real servers, web3 is the sorry server; quorum 2.

One of two servers gone: quorum is lost, quorum_down runs, the sorry server answers alone. Back: quorum_up, and it is out again.
"""

import pytest

from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf, nat_servers
from lib.wait import wait_for
from lib.web import ask

pytestmark = pytest.mark.xdirector


def test_sorry_server_and_quorum(lab):
    site = NatDirectors(lab)
    site.directors = site.directors[:1]
    d1 = site.node("d1")
    heard = d1.directory / "heard"
    script = d1.directory / "say"
    script.write_text(f'#!/bin/sh\necho "$*" >> {heard}\n')
    script.chmod(0o700)
    heard.touch()
    servers = nat_servers()
    extra = (f'quorum 2\n    hysteresis 0\n    quorum_up "{script} quorum up"\n    quorum_down "{script} quorum down"\n'
             f"    sorry_server {servers[2]} 80\n")
    notify = f'notify_up "{script} server up"\n        notify_down "{script} server down"'
    conf = director_conf("NAT", servers=servers[:2], extra=extra, server_extra=notify)
    site.start(lambda name: conf(name).replace("global_defs {", "global_defs {\n    script_user root"))
    site.wait_master("d1")
    wait_for(lambda: set(ask(site.client, VIP, count=4)) == {"web1", "web2"}, "both servers to answer", 20)

    site.webs["web1"].process.stop()
    wait_for(lambda: set(ask(site.client, VIP, count=4)) == {"web3"}, "the sorry server to answer alone", 20)
    wait_for(lambda: heard.read_text().splitlines()[-2:].count("quorum down") == 1, "quorum_down")
    assert "server down" in heard.read_text()

    site.webs["web1"].start()
    wait_for(lambda: set(ask(site.client, VIP, count=4)) == {"web1", "web2"}, "both servers to answer again", 20)
    wait_for(lambda: "quorum up" in heard.read_text().splitlines(), "quorum_up")
    assert "server up" in heard.read_text()
