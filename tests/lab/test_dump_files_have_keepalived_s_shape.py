"""
    r1 (100) ──┐
               ├── lan
    r2 (50) ───┘

SIGUSR1, SIGUSR2 and the JSON signal leave the files that keepalived leaves, where it leaves them ($TMPDIR). Exporters parse them, so
both daemons write them in the same situation, and the lines of the statistics, the keys of the JSON in their order and the keys of
the instances in the data are compared.
"""

import json
import os
import re
import signal
import stat

import pytest

from lib import daemon
from lib.daemon import KEEPALIVED, Daemon
from lib.pairs import RouterPair, instance
from lib.wait import wait_for

JSON = signal.SIGRTMIN + 2
CLEAR = signal.SIGRTMAX - 1


def whole(path, what):
    """A dump's text once it no longer grows: keepalived writes its files in place, piece by piece."""
    seen = [""]

    def settled():
        before, seen[0] = seen[0], path.read_text() if path.exists() else ""
        return seen[0] if seen[0] == before else ""

    return wait_for(settled, what, step=0.2)


def files_of(lab, pair, program):
    r1 = pair.routers[0]
    folder = r1.directory / program.rsplit("/", 1)[-1]
    folder.mkdir()
    check = folder / "check"
    check.write_text("#!/bin/sh\nexit 0\n")
    check.chmod(0o700)
    config = f"global_defs {{\n    router_id R1\n    script_user root\n}}\nvrrp_script chk {{\n    script {check}\n    weight 10\n}}\n"
    config += instance(version=3, advert=0.2, vips=("192.0.2.10/24", "192.0.2.11/24 label eth0:1"), extra="track_script {\n        chk\n    }")
    config += instance("VI_2", vrid=52, vips=("192.0.2.20/24",), password="secret")
    one = Daemon(r1, config, program=program, environment={"TMPDIR": str(folder)}).start()
    wait_for(lambda: r1.holds("192.0.2.10") and r1.holds("192.0.2.20"), "both addresses")
    read = {}
    for number, name in ((signal.SIGUSR1, "keepalived.data"), (signal.SIGUSR1, "keepalived_parent.data"), (signal.SIGUSR2, "keepalived.stats"),
                         (JSON, "keepalived.json")):
        os.kill(one.pid(), number)
        path = folder / name
        read[name] = whole(path, f"{name} of {program}")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    os.kill(one.pid(), CLEAR)
    (folder / "keepalived.stats").unlink()
    os.kill(one.pid(), signal.SIGUSR2)
    read["cleared"] = whole(folder / "keepalived.stats", "new statistics")
    assert one.stop() == 0
    return read


def shape(value):
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items()]
    return [shape(inner) for inner in value] if isinstance(value, list) else None


@pytest.mark.xdirector
def test_dump_files_have_keepalived_s_shape(lab):
    pair = RouterPair(lab)
    theirs = files_of(lab, pair, KEEPALIVED)
    ours = files_of(lab, pair, daemon.UNDER_TEST)

    def without_counts(text):
        return re.sub(r"(Sent|Received): \d+", r"\1: N", text)

    assert without_counts(ours["keepalived.stats"]) == without_counts(theirs["keepalived.stats"])
    assert "Became master: 1" in ours["keepalived.stats"]
    assert "Became master: 0" in ours["cleared"]

    assert shape(json.loads(ours["keepalived.json"])) == shape(json.loads(theirs["keepalived.json"]))
    for own, other in zip(json.loads(ours["keepalived.json"]), json.loads(theirs["keepalived.json"]), strict=True):
        for key in ("iname", "ifp_ifname", "vrid", "base_priority", "effective_priority", "vipset", "adver_int", "master_adver_int", "state",
                    "version", "vips", "auth_type", "garp_delay", "accept", "master_priority"):
            assert own["data"][key] == other["data"][key], key

    # Of the data, what exporters read: the instances' lines, in their order, with their values where these do not depend on time.
    def topology(text):
        body = text.split("------< VRRP Topology >------\n")[1].split("------<")[0]
        passing = ("Last transition", "Read timeout", "Password", "fd_in", "Number of")
        return [line for line in body.splitlines() if not line.strip().startswith(passing)]

    assert topology(ours["keepalived.data"]) == topology(theirs["keepalived.data"])
    assert "secret" not in "".join(ours.values())
