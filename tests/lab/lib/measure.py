"""What is measured of a daemon: in the tests with a handful of samples, in scripts/bench vrrp with many."""

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from .pairs import RouterPair, instance
from .wait import wait_for

VIP = "192.0.2.10"


def cpu(pid):
    """Seconds of processor time, by the scheduler's own nanoseconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def resident(pid):
    """KiB in RAM, the memory that it shares with BPF maps included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


def master_down(interval, priority=100):
    """Seconds; version 3."""
    return (3 + (256 - priority) / 256) * interval


@contextmanager
def load(command, processes=None):
    """Loops of a shell command, twice as many as there are cores, at normal priority."""
    running = [subprocess.Popen(["sh", "-c", f"while :; do {command}; done"], stdout=subprocess.DEVNULL, start_new_session=True)
               for _ in range(processes or 2 * os.cpu_count())]
    try:
        yield
    finally:
        for process in running:
            os.killpg(process.pid, 9)
            process.wait()


def one_death(pair, wire, start, config):
    """Everything on the master r1 is killed. (first advert, first gratuitous ARP) of r2: seconds since the last advert of r1."""
    r1, r2 = pair.routers
    start(r1, config[r1])
    pair.wait_holder("r1", VIP)
    wire.wait_advert(source="192.0.2.1")
    since = wire.mark()
    r1.kill_everything()
    taken = wire.wait_advert(since=since, source="192.0.2.2")
    last = wire.adverts(source="192.0.2.1")[-1]
    garp = wait_for(lambda: wire.garps(VIP, since, source_mac=r2.mac("eth0")), "the gratuitous ARP", 15, 0.005)
    return tuple((frame.time - last.time) / 1e9 for frame in (taken, garp[0]))


def deaths(lab, capture, start, count, interval, head=""):
    """SIGKILL to everything on the master, `count` times. For each the milliseconds beyond master-down, counted from the last
    advert of the old master: (first advert, first gratuitous ARP) of the new one."""
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    config = {node: head + instance(priority=priority, version=3, advert=interval) for node, priority in ((r1, 200), (r2, 100))}
    start(r2, config[r2])
    pair.wait_holder("r2", VIP)
    return [tuple((seconds - master_down(interval)) * 1000 for seconds in one_death(pair, wire, start, config)) for _ in range(count)]


def under_load(lab, capture, start, interval, seconds, command, head=""):
    """(takeovers, longest silence of the master in ms) while shell loops keep every core busy twice over."""
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    start(r1, head + instance(priority=200, version=3, advert=interval))
    pair.wait_holder("r1", VIP)
    start(r2, head + instance(priority=100, version=3, advert=interval)).wait_log("Entering BACKUP STATE")
    wire.wait_advert(source="192.0.2.1")
    since = wire.mark()
    with load(command):
        time.sleep(seconds)  # the length of the load is the subject
    sent = [advert.time for advert in wire.adverts(since, source="192.0.2.1")]
    gaps = [(b - a) / 1e6 for a, b in zip(sent, sent[1:])]
    return len(wire.turns(since)) - 1, max(gaps, default=0)
