"""
    r1 (200) ──┐
               ├── lan      adverts every 100 ms
    r2 (100) ──┘

The vrrp process of the backup is stopped for 5 s (SIGSTOP) and continued. It then finds its master-down time long over, but the master
spoke all the while: no takeover.
"""

import signal
import time

from lib.pairs import RouterPair, instance, under_test

VIP = "192.0.2.10"


def test_frozen_backup_does_not_take_over(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    under_test(r1, instance(priority=200, version=3, advert=0.1))
    pair.wait_holder("r1", VIP)
    backup = under_test(r2, instance(priority=100, version=3, advert=0.1)).wait_ready("vrrp")
    backup.wait_log("Entering BACKUP STATE")

    since = wire.mark()
    backup.send(signal.SIGSTOP, "vrrp")
    time.sleep(5)  # the length of the stall is the subject of the test
    backup.send(signal.SIGCONT, "vrrp")
    # Twice the master-down time after it is back: it had every chance to speak.
    frozen_until = len(wire.adverts(since))
    while len(wire.adverts(since)) < frozen_until + 10:
        wire.wait_advert(source="192.0.2.1")
    assert wire.turns(since) == ["192.0.2.1"]
    assert pair.holders(VIP) == ["r1"]

    # And it is not deaf: a real death is still noticed.
    r1.power_off()
    wire.wait_advert(source="192.0.2.2")
