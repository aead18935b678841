"""
    r1 (100, the daemon under test) ──┐
                                      ├── lan
    r2 (90, keepalived) ──────────────┘

The same bfd_instances on both ends, over IPv4 and IPv6 and each side passive once, come up. Each end's VRRP follows its sessions: the one without
weight is a fault, the other moves the priority.
"""

import signal

import pytest

from lib.pairs import RouterPair, instance, peer, under_test
from lib.wait import wait_for

VIP = "192.0.2.10"


def sessions(own, other):
    """Of one end. Four has no weight, six has."""
    text = ""
    for name, addresses, more in (("four", "192.0.2.{}", "passive" if own == 1 else ""),
                                  ("six", "2001:db8::{}", "weight 20" if own == 1 else "weight 20\n    passive")):
        text += f"""
bfd_instance {name} {{
    neighbor_ip {addresses.format(other)}
    source_ip {addresses.format(own)}
    min_rx 150
    min_tx 100
    multiplier 3
    {more}
}}
"""
    return text


@pytest.mark.parametrize("stopped", ["theirs", "ours"])
def test_sessions_move_priorities_and_faults(lab, capture, stopped):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    for number, router in ((1, r1), (2, r2)):
        router.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.disable_ipv6=0")
        router.run(f"ip addr add 2001:db8::{number}/64 dev eth0 nodad")
    wire = capture(pair.lan)
    track = "track_bfd {\n        four\n        six\n    }"
    daemons = {}
    for start, router, own, priority in ((under_test, r1, 1, 100), (peer, r2, 2, 90)):
        text = sessions(own, 3 - own) + instance(priority=priority, version=3, advert=0.2, extra=track)
        daemons[router] = start(router, text, options=["-b", router.directory / "bfd.pid"])
        daemons[router].pid_files["bfd"] = router.directory / "bfd.pid"
    pair.wait_holder("r1", VIP, 30)
    wait_for(lambda: wire.adverts(source="192.0.2.1")[-1].priority == 120, "the weight of the session over IPv6", 30)

    # An end that falls silent: the other one gives up, and comes back with it.
    silent, listener = (r2, r1) if stopped == "theirs" else (r1, r2)
    since = daemons[listener].mark()
    daemons[silent].send(signal.SIGSTOP, "bfd")
    daemons[listener].wait_log("Entering FAULT STATE", 30, since)
    since = daemons[listener].mark()
    daemons[silent].send(signal.SIGCONT, "bfd")
    daemons[listener].wait_log("Entering BACKUP STATE", 30, since)
    pair.wait_holder("r1", VIP, 30)
    wait_for(lambda: wire.adverts(source="192.0.2.1")[-1].priority == 120, "both sessions", 30)

    # keepalived falls silent when it stops. Ours says that it is taken out of service, which is no fault: the other one takes over.
    since = daemons[listener].mark()
    daemons[silent].stop()
    if stopped == "theirs":
        daemons[listener].wait_log("Entering FAULT STATE", 30, since)
    else:
        pair.wait_holder("r2", VIP, 30)
        assert "FAULT" not in daemons[r2].text()[since:]
