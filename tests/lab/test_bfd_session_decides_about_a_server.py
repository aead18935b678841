"""
    ka (keepalived) ──┐
    xd (xdirectord) ──┼── lan
    web (FRR's bfdd) ─┘

BFD_CHECK: the real server is up while the BFD session with it is. What keepalived tells of it (lvs_notify_fifo), xdirectord tells too. The death
of our own BFD process is not the server's.
"""

import json
import signal

import pytest

from lib import daemon, no_ipvs
from lib.bfd import Frr
from lib.daemon import CTL, KEEPALIVED, Daemon
from lib.wait import stays, wait_for

pytestmark = pytest.mark.xdirector

CONFIG = """
global_defs {{
    script_user root
    lvs_notify_fifo {folder}/fifo
    lvs_notify_fifo_script "/bin/sh {folder}/reader"
}}
bfd_instance web {{
    neighbor_ip 192.0.2.3
    source_ip {source}
    min_rx 100
    min_tx 100
    multiplier 3
}}
virtual_server 198.51.100.1 80 {{
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 192.0.2.3 80 {{
        BFD_CHECK {{
            name web
            alpha
        }}
    }}
}}
"""
PEER = " peer {}\n  receive-interval 100\n  transmit-interval 100\n  detect-multiplier 3\n !\n"


def states(node):
    return [session["state"] for session in json.loads(node.run([CTL, "status", "-j"])).get("bfd", {}).get("sessions", [])]


def test_bfd_session_decides_about_a_server(lab):
    lan = lab.switch("lan")
    ka, xd, web = (lab.node(name).join(lan, "eth0", f"192.0.2.{n}/24") for n, name in enumerate(("ka", "xd", "web"), 1))
    programs = {ka: (KEEPALIVED, no_ipvs.environment(ka), ""), xd: (daemon.UNDER_TEST, {}, "xdirector {\n    engine ipvs\n}\n")}
    daemons = {}
    for number, (node, (program, environment, tail)) in enumerate(programs.items(), 1):
        (node.directory / "reader").write_text(f'exec cat "$1" >> {node.directory}/lines\n')
        (node.directory / "lines").touch()
        text = CONFIG.format(folder=node.directory, source=f"192.0.2.{number}") + tail
        daemons[node] = Daemon(node, text, program=program, environment=environment, options=["-b", node.directory / "bfd.pid"]).start()
        daemons[node].pid_files["bfd"] = node.directory / "bfd.pid"

    def told(node):
        """Of the real server. What its state was before the session was there, keepalived does not tell."""
        text = (node.directory / "lines").read_text().replace("\0", "")
        words = [line.split()[-1] for line in text.splitlines() if line.startswith("RS ")]
        return words[words.index("UP"):] if "UP" in words else []

    def both_tell(*words):
        wait_for(lambda: told(ka) == told(xd) == list(words), f"{words} from both", 40, 0.1)

    frr = Frr(web, PEER.format("192.0.2.1") + PEER.format("192.0.2.2"))
    both_tell("UP")
    frr.bfdd.send(signal.SIGSTOP)
    both_tell("UP", "DOWN")
    assert "BFD_CHECK" in xd.run([CTL, "explain", "192.0.2.3:80"]) and "the session is down" in xd.run([CTL, "status"])
    frr.bfdd.send(signal.SIGCONT)
    both_tell("UP", "DOWN", "UP")

    daemons[xd].kill_role("bfd")
    wait_for(lambda: states(xd) == ["Up"], "the session of the new BFD process", 30)
    stays(lambda: told(xd) == ["UP", "DOWN", "UP"], "nothing of it told of the server", 0.5)
