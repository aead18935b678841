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
    # Both FIFOs have the same reader; the one of VRRP and LVS together hears the instance as well.
    reader = d1.directory / "reader"
    reader.write_text(f'#!/bin/sh\nexec cat "$1" >> "{d1.directory}/lines_${{1##*/}}"\n')
    reader.chmod(0o700)
    fifos = "".join(f"\n    {which}notify_fifo {d1.directory}/{which}fifo\n    {which}notify_fifo_script {reader}" for which in ("", "lvs_"))
    site.start(lambda name: conf(name).replace("global_defs {", "global_defs {\n    script_user root" + fifos))
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

    service = f"[{VIP}]:tcp:80"
    wanted = [line.format(rs=f"[{servers[0]}]:tcp:80", vs=service) for line in ("RS {rs} {vs} DOWN", "VS {vs} DOWN", "RS {rs} {vs} UP", "VS {vs} UP")]

    def lines(name):
        return (d1.directory / f"lines_{name}").read_text().splitlines()

    wait_for(lambda: lines("lvs_fifo")[-4:] == wanted, f"{wanted} in lvs_notify_fifo")
    wait_for(lambda: [line for line in lines("fifo") if line[:2] in ("RS", "VS")][-4:] == wanted, f"{wanted} in notify_fifo")
    assert any(line.startswith("INSTANCE ") and " MASTER " in line for line in lines("fifo"))
