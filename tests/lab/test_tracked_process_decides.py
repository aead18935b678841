"""
    r1 (101, track_process) ──┐
                              ├── lan
    r2 (100) ─────────────────┘

While a process that r1 tracks does not run, its priority is lower and the address goes to r2. A node of the lab has processes of its own, which
the kernel's process events do not know: the daemon looks at /proc and says so.
"""

import pytest

from lib.net import Process
from lib.pairs import RouterPair, instance, under_test

VIP = "192.0.2.10"


@pytest.mark.xdirector
def test_tracked_process_decides(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    track = "vrrp_track_process sleeper {\n    process /bin/sleep 4711\n    weight -10\n    terminate_delay 0.5\n}\n"
    served = Process(r1, ["/bin/sleep", "4711"], r1.directory / "sleep.log")
    daemon = under_test(r1, track + instance(priority=101, version=3, advert=0.2, extra="track_process {\n        sleeper\n    }"))
    under_test(r2, instance(priority=100, version=3, advert=0.2))
    pair.wait_holder("r1", VIP)
    daemon.wait_log("/proc is looked at every second instead")
    served.stop()
    wire.wait_advert(source="192.0.2.1", priority=91)
    pair.wait_holder("r2", VIP)
    Process(r1, ["/bin/sleep", "4711"], r1.directory / "sleep.log")
    pair.wait_holder("r1", VIP)
