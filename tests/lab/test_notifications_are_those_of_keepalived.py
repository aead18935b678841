"""
    ka    runs Debian's keepalived       each alone; nobody has to answer: a MISC_CHECK ends with the number that a file holds
    xd    runs the daemon under test

The same story for both: servers go and come, quorums with a hysteresis are lost and gained, sorry servers step in, weights change, reloads
change what is served and what is checked, the end. What the scripts and lvs_notify_fifo hear of each virtual server is the same, in the same
order.
"""

from collections import Counter

import pytest

from lib import daemon, no_ipvs
from lib.daemon import KEEPALIVED, Daemon
from lib.wait import Timeout, wait_for

pytestmark = pytest.mark.xdirector  # keepalived is here anyway


class Machine:
    def __init__(self, lab, name, program, tail):
        self.node, self.tail = lab.node(name), tail
        self.folder = self.node.directory
        self.write("check", f"read number < {self.folder}/$1; exit $number")
        self.write("say", f'echo "$*" >> {self.folder}/notes')
        self.write("reader", f'exec cat "$1" >> {self.folder}/lines')
        for empty in ("notes", "lines"):
            (self.folder / empty).touch()
        self.program = program

    def write(self, name, text):
        """At once, since checks are reading meanwhile."""
        (self.folder / "new").write_text(f"{text}\n")
        (self.folder / "new").rename(self.folder / name)

    def give(self, text):
        text = text.replace("%D", str(self.folder)) + self.tail
        if self.program:
            environment = no_ipvs.environment(self.node) if self.program == KEEPALIVED else {}
            self.daemon, self.program = Daemon(self.node, text, program=self.program, environment=environment).start(), None
            return
        since = self.daemon.mark()
        self.daemon.reload(text)
        self.daemon.wait_log("Reload finished" if self.tail else "Reload complete", 30, since)

    def told(self):
        """Of each virtual server: the lines of the FIFO in their order, and the calls of scripts, which start side by side."""
        text = (self.folder / "lines").read_text().replace("\0", "")
        lines = text[:text.rfind("\n") + 1].splitlines()
        services = {line.split()[-2] for line in lines}
        by_service = {service: [line for line in lines if line.split()[-2] == service] for service in services}
        return by_service, sorted((self.folder / "notes").read_text().splitlines())


def server(name, address, switch, *lines, check=()):
    return [f"real_server {address} 80 {{", *lines, f'notify_up "/bin/sh %D/say {name} up"', f'notify_down "/bin/sh %D/say {name} down"',
            "MISC_CHECK {", f'misc_path "/bin/sh %D/check {switch}"', *check, "}", "}"]


def service(name, address, servers, *lines):
    head = ["delay_loop 0.3", "delay_before_retry 0.1", "warmup 0", "lb_algo rr", "lb_kind NAT", "protocol TCP"]
    scripts = [f'quorum_{way} "/bin/sh %D/say {name} quorum {way}"' for way in ("up", "down")]
    return [f"virtual_server {address} 80 {{", *head, *scripts, *lines, *(line for one in servers for line in one), "}"]


def configuration(*, members=3, weight=1, patience=20, settings=(), more=()):
    def of(name, address, switch, *lines):
        return server(name, address, switch, *lines, check=[f"misc_timeout {patience}"])

    text = ["global_defs {", "script_user root", "lvs_notify_fifo %D/fifo", 'lvs_notify_fifo_script "/bin/sh %D/reader"', *settings, "}"]
    text += service("a", "10.9.0.1", [of(f"a{n}", f"10.8.1.{n}", f"s{n}") for n in range(1, members + 1)], "quorum 2", "hysteresis 1",
                    "sorry_server 10.8.9.9 80")
    text += service("b", "10.9.0.2", [of("b1", "10.8.2.1", "s1", f"weight {weight}")], "alpha", "omega")
    text += service("c", "10.9.0.3", [of("c1", "10.8.3.1", "s1"), of("c2", "10.8.3.2", "s2")], "inhibit_on_failure")
    text += service("d", "10.9.0.4", [server("d1", "10.8.4.1", "w1", "weight 5", check=["misc_dynamic", "misc_timeout 20"]), of("d2", "10.8.4.2", "s3", "weight 3")],
                    "quorum 6")
    text += service("e", "10.9.0.5", [of("e1", "10.8.5.1", "s4")], "alpha", "sorry_server 10.8.9.9 80", "sorry_server_inhibit")
    return "\n".join([*text, *more, ""])


def test_notifications_are_those_of_keepalived(lab):
    machines = [Machine(lab, "ka", KEEPALIVED, ""), Machine(lab, "xd", daemon.UNDER_TEST, "xdirector {\n    engine ipvs\n}\n")]

    def give(**changes):
        for machine in machines:
            machine.give(configuration(**changes))

    times = Counter()

    def now(*calls, **numbers):
        """`calls`: all calls of scripts that this, or the file given before, brings about."""
        times.update(calls)
        for machine in machines:
            for name, number in numbers.items():
                machine.write(name, number)
        try:
            for machine in machines:
                wait_for(lambda m=machine: Counter(m.told()[1]) == times, f"{calls} in {machine.node.name}", 30, 0.05)
            wait_for(lambda: machines[0].told() == machines[1].told(), "the same", 30, 0.05)
        except Timeout:
            assert machines[1].told() == machines[0].told(), calls
            raise

    for machine in machines:
        for switch in ("s1", "s2", "s3", "s4", "w1"):
            machine.write(switch, 0)
    give()
    now("a quorum up", "b1 up", "b quorum up", "c quorum up", "d quorum up", "e quorum down", "e1 up", "e quorum up")
    now("a1 down", "b1 down", "b quorum down", "c1 down", s1=1)
    now("a2 down", "c2 down", "c quorum down", s2=1)
    now("a3 down", "a quorum down", "d2 down", "d quorum down", s3=1)
    now("a3 up", "d2 up", "d quorum up", s3=0)
    now("a2 up", "c2 up", "c quorum up", s2=0)
    now("a1 up", "a quorum up", "b1 up", "b quorum up", "c1 up", s1=0)
    now("d quorum down", w1=2)  # weight 0, and 3 of the other
    now("d quorum up", w1=12)
    now("e1 down", "e quorum down", s4=1)
    now("a1 down", "b1 down", "b quorum down", "c1 down", s1=1)
    give(weight=7)
    give(patience=30)  # whoever is down stays down
    give(members=2)
    now("a3 down")
    give(settings=["rs_init_notifies"])
    now("a3 up")
    give(more=service("f", "10.9.0.6", [server("f1", "10.8.6.1", "s2", check=["misc_timeout 20"])]))
    now("f quorum up")
    give()
    now("f1 down", "f quorum down")
    now("e1 up", "e quorum up", s4=0)
    now("a1 up", "b1 up", "b quorum up", "c1 up", s1=0)
    for machine in machines:
        assert machine.daemon.stop() == 0
    now("b1 down", "b quorum down")  # omega
