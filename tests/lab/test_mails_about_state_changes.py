"""
    r1 ── lan ── client

smtp_alert: a mail for each change of an instance and of a sync group, with keepalived's envelope, headers and sentences; none for FAULT with
no_email_faults; a mail server that does not answer delays no election.
"""

import json
import re
from pathlib import Path

from lib.daemon import Daemon, is_keepalived
from lib.pairs import RouterPair, instance
from lib.wait import wait_for

VIP = "192.0.2.10"
SINK = Path(__file__).parent / "lib/mail_sink.py"
MAIL = """
global_defs {
    router_id LVS_A
    notification_email {
        a@example.org
        b@example.org
    }
    notification_email_from ka@example.org
    smtp_server 127.0.0.1 2525
    smtp_connect_timeout 2
    smtp_helo_name director.example.org
    %s
}
"""


class Mails:
    def __init__(self, lab, node):
        self.path = lab.directory / "mails"
        node.start(["/usr/bin/python3", SINK, "127.0.0.1", "2525", self.path])
        wait_for(lambda: ":2525" in node.run("ss -Hltn"), "the sink listens")

    def all(self):
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def subjects(self):
        return [re.search("^Subject: (.*?)\r?$", mail["text"], re.M).group(1) for mail in self.all()]


def test_each_change_is_a_mail(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    mails = Mails(lab, r1)
    group = "vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n smtp_alert\n }"
    second = instance("VI_2", vrid=52, priority=200, vips=("192.0.2.20/24",))
    Daemon(r1, MAIL % "" + group + instance(priority=200, extra="smtp_alert") + second).start()
    pair.wait_holder("r1", VIP)
    expected = {"[LVS_A] VRRP Instance VI_1 - Entering BACKUP state", "[LVS_A] VRRP Instance VI_1 - Entering MASTER state",
                "[LVS_A] VRRP Group G - Entering BACKUP state", "[LVS_A] VRRP Group G - Entering MASTER state"}
    wait_for(lambda: set(mails.subjects()) >= expected, "a mail for each change")
    assert set(mails.subjects()) == expected, "and none of VI_2, which has no smtp_alert"
    mail = next(m for m in mails.all() if "Instance VI_1 - Entering MASTER" in m["text"])
    assert mail["helo"] == "director.example.org"
    assert mail["from"].split(" ")[0] == "<ka@example.org>"
    assert [to.split(" ")[0] for to in mail["to"]] == ["<a@example.org>", "<b@example.org>"]
    assert re.fullmatch("Date: [A-Z][a-z]{2}, \\d{2} [A-Z][a-z]{2} \\d{4} \\d{2}:\\d{2}:\\d{2} \\+0000\r\nFrom: ka@example.org\r\n"
                        "Subject: \\[LVS_A\\] VRRP Instance VI_1 - Entering MASTER state\r\nX-Mailer: Keepalived\r\n"
                        "To: a@example.org, b@example.org\r\n\r\n=> VRRP Instance is now owning VRRP VIPs <=\r\n\r\n", mail["text"])


def test_no_email_faults(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    mails = Mails(lab, r1)
    daemon = Daemon(r1, MAIL % "no_email_faults" + instance(priority=200, extra="smtp_alert")).start()
    pair.wait_holder("r1", VIP)
    r1.unplug()
    daemon.wait_log("Entering FAULT STATE")
    r1.plug()
    wait_for(lambda: len(mails.subjects()) >= 4, "mails of what came after the fault", 30)
    assert not any("FAULT" in subject for subject in mails.subjects())


def test_a_mute_mail_server_delays_no_election(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    r1.start(["/usr/bin/python3", "-c", "import socket,time; s=socket.create_server(('127.0.0.1',2525)); time.sleep(1000)"])
    wait_for(lambda: ":2525" in r1.run("ss -Hltn"), "the mute one listens")
    daemon = Daemon(r1, MAIL % "" + instance(priority=200, extra="smtp_alert")).start()
    pair.wait_holder("r1", VIP)
    if not is_keepalived(daemon.program):
        daemon.wait_log("was not delivered", 30)
