"""
    r1 ── lan

SIGTERM to the VRRP process alone, as a careless `pkill` sends it: it takes its leave with priority 0 and STOP. The one that the parent
starts in its place does not go on as master, which its peers no longer believe it to be: it begins as backup and is elected.
"""

import signal

from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for


def test_child_that_ends_in_order_starts_anew(lab, capture):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    wire = capture(pair.lan)
    heard = r1.directory / "heard"
    script = r1.directory / "notify"
    script.write_text(f'#!/bin/sh\necho "$3" >> {heard}\n')
    script.chmod(0o700)
    daemon = under_test(r1, "global_defs {\n    script_user root\n}\n" + instance(version=3, advert=0.2, extra=f"notify {script}"))

    def states():
        return heard.read_text().split() if heard.exists() else []

    wait_for(lambda: sorted(states()) == ["BACKUP", "MASTER"], "master", 30)
    wait_for(lambda: r1.holds("192.0.2.10"), "the address")
    mark = wire.mark()
    daemon.send(signal.SIGTERM, "vrrp")
    wait_for(lambda: sorted(states()) == ["BACKUP", "BACKUP", "MASTER", "MASTER", "STOP"], "elected again", 30)
    wait_for(lambda: r1.holds("192.0.2.10"), "the address again")
    priorities = [advert.priority for advert in wire.adverts(mark)]
    assert 0 in priorities, priorities
    silence = max(b.time - a.time for a, b in zip(wire.adverts(mark), wire.adverts(mark)[1:]))
    assert silence > 0.6e9, "three intervals and more: it waited for other masters"
