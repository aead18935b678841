"""
    NAT as drawn in lib/directors.py, with one director.

`xdirector trace` shows each packet of a connection with its reason and real server, those of a filter only, to one reader at a time. However the
reader ends, the daemon stops the telling.
"""

import json
import signal

import pytest

from lib.daemon import CTL
from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf
from lib.wait import wait_for
from lib.web import ask

pytestmark = pytest.mark.xdirector


def is_told(node):
    """What the program goes by."""
    found = json.loads(node.run("bpftool -j map lookup pinned /sys/fs/bpf/xdirector/xd_filter key 0 0 0 0"))
    (variable,) = found["formatted"]["value"].values()
    return variable[0]["xd_filter"]["one_in"] != 0


def test_trace_shows_decisions(lab):
    site = NatDirectors(lab)
    site.directors = site.directors[:1]
    d1 = site.node("d1")
    site.start(director_conf("NAT"))
    site.wait_master("d1", 60)
    wait_for(lambda: set(ask(site.client, VIP, count=6)) == {"web1", "web2", "web3"}, "three servers to answer", 30)
    assert not is_told(d1)

    def started(filter_words, name, *options):
        tracer = d1.start([CTL, "trace", *options, filter_words], log=d1.directory / name)
        wait_for(lambda: is_told(d1), "the daemon to begin", 30)
        return tracer

    tracer = started(f"client 10.23.8.100 service {VIP}:80", "trace.json", "-j")
    refused = d1.run([CTL, "trace"], check=False)
    assert refused.returncode == 1 and "somebody else traces already" in refused.stderr
    ask(site.client, VIP, count=2)

    def shown():
        return [json.loads(line) for line in tracer.text().splitlines() if line.endswith("}")]

    wait_for(lambda: {"new_flow", "half_open", "reply"} <= {sample["reason"] for sample in shown()}, "a connection's packets", 30)
    first = next(sample for sample in shown() if sample["reason"] == "new_flow")
    assert first["to"] == f"{VIP}:80" and first["flags"] == "S" and first["verdict"] == "tx" and first["protocol"] == "TCP"
    assert first["from"].startswith("10.23.8.100:") and first["server"].startswith("172.18.1.1")
    reply = next(sample for sample in shown() if sample["reason"] == "reply")
    assert reply["from"] == reply["server"]
    assert tracer.stop(signal.SIGINT) == 0
    wait_for(lambda: not is_told(d1), "the telling to end", 30)

    # One that another reason is asked of shows nothing of the same; one that is killed leaves nothing behind.
    tracer = started("reason no_service", "trace.txt")
    ask(site.client, VIP, count=1)
    site.client.run(["python3", "-c", f"import socket; socket.socket().connect_ex(('{VIP}', 81))"])
    wait_for(lambda: "no_service (pass)" in tracer.text(), "a packet to another port", 30)
    assert all(": no_service (pass)" in line for line in tracer.text().splitlines())
    tracer.stop(signal.SIGKILL)
    wait_for(lambda: not is_told(d1), "the telling to end", 30)
    assert d1.run([CTL, "trace", "reason nonsense"], check=False).returncode == 1
