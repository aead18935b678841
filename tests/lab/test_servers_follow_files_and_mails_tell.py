"""
    one node with xdirectord; nobody has to answer

FILE_CHECK: a number in a file takes a real server out, another one changes its weight. smtp_alert: a mail for each change of a checker and of the
quorum; with no_checker_emails only where the real server changed. rs_init_notifies: the first state is told as well.
"""

import json
import re
from pathlib import Path

import pytest

from lib.daemon import CTL, Daemon
from lib.wait import wait_for

pytestmark = pytest.mark.xdirector

SINK = Path(__file__).parent / "lib/mail_sink.py"
CONFIG = """
global_defs {
    router_id LVS_A
    notification_email {
        a@example.org
    }
    smtp_server 127.0.0.1 2525
    smtp_connect_timeout 2
    rs_init_notifies
    script_user root
    %(extra)s
}
track_file out {
    file %(folder)s/out
    weight 0
    init_file 0
}
track_file load {
    file %(folder)s/load
    init_file 0
}
virtual_server 10.0.0.1 80 {
    lb_algo wrr
    lb_kind DR
    protocol TCP
    quorum 11
    smtp_alert
    real_server 10.1.0.2 80 {
        weight 10
        notify_up "/bin/sh -c 'echo up >>%(folder)s/notes'"
        notify_down "/bin/sh -c 'echo down >>%(folder)s/notes'"
        FILE_CHECK {
            track_file out
        }
    }
    real_server 10.1.0.3 80 {
        weight 10
        FILE_CHECK {
            track_file load
            weight 2 reverse
        }
    }
}
xdirector {
    engine xdp
    interface eth0 {
    }
    flows 10000
}
"""


def test_servers_follow_files_and_mails_tell(lab):
    lan = lab.switch("lan")
    d1 = lab.node("d1").join(lan, "eth0", "10.1.0.1/24")
    mails, folder = lab.directory / "mails", d1.directory
    d1.start(["/usr/bin/python3", SINK, "127.0.0.1", "2525", mails])
    wait_for(lambda: ":2525" in d1.run("ss -Hltn"), "the sink listens")
    daemon = Daemon(d1, CONFIG % {"folder": folder, "extra": ""}).start()

    def server(address):
        answer = d1.run([CTL, "status", "-j"], check=False).stdout
        services = json.loads(answer).get("services", []) if answer.startswith("{") else []
        return next((s for service in services for s in service["servers"] if s["address"] == address), {"up": None, "effective_weight": None})

    def subjects():
        text = mails.read_text() if mails.exists() else ""
        return [re.search("^Subject: (.*?)\r?$", json.loads(line)["text"], re.M).group(1) for line in text.splitlines()]

    wait_for(lambda: server("10.1.0.2")["up"], "the server to begin up", 30)
    wait_for(lambda: (folder / "notes").exists() and (folder / "notes").read_text() == "up\n", "the first state to be told", 30)
    (folder / "load").write_text("3\n")
    wait_for(lambda: server("10.1.0.3")["effective_weight"] == 4, "the weight that the file sets", 30)
    (folder / "load").write_text("0\n")
    wait_for(lambda: server("10.1.0.3")["effective_weight"] == 10, "the weight of the configuration", 30)
    name, service = "[10.1.0.2]:tcp:80", "[10.0.0.1]:tcp:80"
    began = [f"[LVS_A] Virtualserver {service} - UP"]
    wait_for(lambda: subjects() == began, "a mail about the quorum that is there from the start", 30)
    assert "=> Starting with quorum up 11+0=11 <= " in mails.read_text(), "keepalived's sentence"
    (folder / "out").write_text("1\n")
    wait_for(lambda: server("10.1.0.2")["up"] is False, "the server to leave", 30)
    changed = [f"[LVS_A] Virtualserver {service} - DOWN", f"[LVS_A] Realserver {name} of virtual server {service} - DOWN"]
    expected = began + changed
    wait_for(lambda: sorted(subjects()) == sorted(expected), "a mail for the server and one for the quorum", 30)
    wait_for(lambda: (folder / "notes").read_text() == "up\ndown\n", "notify_down", 30)
    daemon.reload(CONFIG % {"folder": folder, "extra": "no_checker_emails"})
    assert server("10.1.0.2")["up"] is False
    (folder / "out").write_text("0\n")
    wait_for(lambda: server("10.1.0.2")["up"], "the server to come back", 30)
    expected += [subject.replace("DOWN", "UP") for subject in changed]
    wait_for(lambda: sorted(subjects()) == sorted(expected), "the same when they come back", 30)
