"""
    r1 ── lan
     └── far

One start for the settings that nothing else shows: reloads at a time, what is there while one runs, copies of what was read, a
priority that rises when timers are late, the groups of scripts, announcements on links that carry no adverts.
"""

import ctypes
import os
import signal
import time

import pytest

from lib.daemon import UNDER_TEST
from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for


class Names:
    """The names of files that come into being in a folder, however short they live (inotify)."""

    IN_CREATE = 0x100

    def __init__(self, folder):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert libc.inotify_add_watch(self.fd, str(folder).encode(), self.IN_CREATE) >= 0
        self.seen = b""

    def came(self, name):
        try:
            self.seen += os.read(self.fd, 65536)
        except BlockingIOError:
            pass
        return name.encode() + b"\0" in self.seen


@pytest.mark.xdirector  # the words and files are keepalived's, the log lines waited for are not
def test_reloads_copies_priorities_and_groups(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    folder = r1.directory
    at, mark, copies = folder / "reload-at", folder / "reloading", folder / "copies"
    copies.mkdir()
    r1.run("install -d -o nobody /run/groups")
    r1.write("/run/groups.sh", "#!/bin/sh\nid -G > /run/groups/$1\n", 0o755)
    r1.own("/etc")
    r1.run(["sh", "-c", "echo xdtest:x:54321:nobody >> /etc/group"])

    def config(groups, priority):
        return f"""
global_defs {{
    reload_time_file {at}
    reload_file {mark}
    config_save_dir {copies}
    max_auto_priority 20
    min_auto_priority_delay 100000
    set_supplementary_groups {groups}
    script_user nobody
}}
vrrp_script check {{
    script "/run/groups.sh {groups}"
    interval 1
    weight 1
}}
""" + instance(version=3, advert=0.2, priority=priority, extra="track_script {\n check\n}")

    daemon = under_test(r1, config("true", 100))
    pair.wait_holder("r1", "192.0.2.10")

    def groups(name):
        return r1.run(f"cat /run/groups/{name}", check=False).stdout.split()

    wait_for(lambda: "54321" in groups("true"), "the script to have its user's groups")

    # A reload at a time. It deletes the file, and there is a mark while it runs.
    daemon.config.write_text(config("false", 120))
    since, names = daemon.mark(), Names(folder)
    at.write_text(time.strftime("%H:%M:%SZ\n", time.gmtime(time.time() + 2)))
    daemon.wait_log("eload finished", since=since, timeout=20)
    assert names.came("reloading") and not mark.exists()
    wait_for(lambda: not at.exists(), "the file to be gone")
    wait_for(lambda: groups("false"), "a script of the new configuration")
    assert "54321" not in groups("false")
    kept = sorted(copies.iterdir())
    assert [path.name for path in kept] == [f"keepalived.conf.{kept[0].name.split('.')[2]}.{number}" for number in (1, 2)]
    assert "priority 100" in kept[0].read_text() and "priority 120" in kept[1].read_text()

    # Late timers raise the priority of the process, one by one.
    pid = daemon.pid("vrrp")
    assert os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_OTHER
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1.5)  # the stall is the subject
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR, "a real-time priority")


def test_links_that_carry_no_adverts_are_announced_again(lab, capture):
    pair = RouterPair(lab, count=1)
    far = lab.switch("far")
    r1 = pair.routers[0].join(far, "eth1", "198.51.100.1/24")
    near, wire = capture(pair.lan), capture(far)
    under_test(r1, instance(version=3, advert=0.2, vips=("192.0.2.10/24", "198.51.100.10/24 dev eth1"),
                            extra="use_vmac\nuse_vmac_addr\ngarp_extra_if 1\ngarp_master_repeat 1\ngarp_master_delay 0"))
    pair.wait_holder("r1", "192.0.2.10")
    wait_for(lambda: len(wire.garps("198.51.100.10")) >= 4, "announcements again and again", 20)
    assert {frame.source_mac for frame in wire.garps("198.51.100.10")} == {"00:00:5e:00:01:33"}
    assert len(near.garps("192.0.2.10")) < len(wire.garps("198.51.100.10")), "adverts keep the switch's table fresh there"


def test_with_few_descriptors_there_is_an_election_still(lab):
    r1 = RouterPair(lab, count=1).routers[0]
    config = r1.directory / "small.conf"
    config.write_text(instance(version=3, advert=0.2))
    daemon = r1.start(["prlimit", "--nofile=64:64", UNDER_TEST, "-n", "-l", "-G", "-f", config])
    wait_for(lambda: r1.holds("192.0.2.10"), "the address", 30)
    assert daemon.stop() == 0
