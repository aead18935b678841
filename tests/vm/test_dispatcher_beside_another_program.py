"""
    NAT as drawn in tests/lab/lib/directors.py; on d1's eth0 other XDP programs run beside ours. d2 runs keepalived.

xdp-loader loads one before the daemon starts, and one that runs behind ours while it serves. HTTP goes through XDP, adverts are heard,
the first program sees every packet, the last one only what ours passes. SIGTERM takes ours away and leaves the others.
"""

import json
import re

from lib.daemon import CTL, KEEPALIVED, Daemon
from lib.directors import VIP, NatDirectors
from lib.directors_conf import director_conf
from lib.wait import wait_for
from lib.web import ask


def reasons(node):
    return {reason["name"]: reason["packets"] for reason in json.loads(node.run([CTL, "reasons", "-j"]))["reasons"]}


def counted(node, program):
    return json.loads(node.run(["bpftool", "-j", "map", "dump", "name", f"{program}_n"]))[0]["formatted"]["value"]


def load(node, build_dir, program, priority):
    node.run(["xdp-loader", "load", "-m", "skb", "-P", priority, "-n", program, "eth0", build_dir / f"tests/vm/{program}.bpf.o"])


def test_dispatcher_beside_another_program(lab, build_dir):
    site = NatDirectors(lab)
    d1, d2 = site.directors
    site.directors = [d1]
    load(d1, build_dir, "xt_before", 10)
    wishes = "xdirector {\n" + "".join(f"    interface {name} {{\n        priority 20\n    }}\n" for name in ("eth0", "eth1")) + "}\n"
    site.start(lambda name: director_conf("NAT")(name) + wishes)
    site.wait_master("d1", 240)
    shown = d1.run("xdp-loader status eth0")
    assert "xt_before" in shown and "xd_entry" in shown, shown
    ids = [re.findall(r"xd_entry\s+(?:\S+\s+)?(\d+)\s", d1.run(f"xdp-loader status {name}")) for name in ("eth0", "eth1")]
    assert ids[0] and ids[0] == ids[1], f"the kernel has verified one program for both interfaces: {ids}"

    wait_for(lambda: set(ask(site.client, VIP, count=3)) == {"web1", "web2", "web3"}, "all servers to answer", 60)
    load(d1, build_dir, "xt_after", 90)
    before, first, last = reasons(d1), counted(d1, "xt_before"), counted(d1, "xt_after")
    assert ask(site.client, VIP, count=6) == {"web1": 2, "web2": 2, "web3": 2}
    after = reasons(d1)
    sent_on = sum(after[reason] - before[reason] for reason in ("new_flow", "half_open", "established"))
    assert after["new_flow"] == before["new_flow"] + 6 and sent_on >= 6 * 4
    assert counted(d1, "xt_before") - first >= sent_on
    assert counted(d1, "xt_after") - last < sent_on, "what is sent on does not come to programs behind"

    # A better master appears: its adverts are heard through all of them, and go on to the last.
    last = counted(d1, "xt_after")
    Daemon(d2, director_conf("NAT")("d2").replace("priority 100", "priority 200"), program=KEEPALIVED).start()
    wait_for(lambda: d2.holds(VIP) and not d1.holds(VIP), "d2 to be the only master", 60)
    assert reasons(d1)["advert"] > 0 and counted(d1, "xt_after") > last

    assert site.daemons["d1"].stop(60) == 0
    shown = d1.run("xdp-loader status eth0")
    assert "xt_before" in shown and "xt_after" in shown and "xd_entry" not in shown, shown
    first = counted(d1, "xt_before")
    wait_for(lambda: counted(d1, "xt_before") > first, "the first program to go on counting", 30)
