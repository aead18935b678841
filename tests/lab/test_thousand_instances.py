"""
    r1 (200) ──┬─ lan0 ─┬── r2 (100)       250 instances on each of four links, version 2, adverts every second
               ├─ lan1 ─┤
               ├─ lan2 ─┤
               └─ lan3 ─┘

A thousand instances start, settle and stay where they are: no change of speaker in the time in which the CPU is measured. The same pair is
run with Debian's keepalived on both sides; the figures are reported side by side and not judged.
"""

import time

import pytest

from lib.capture import Capture
from lib.measure import cpu, resident
from lib.pairs import instance, peer, under_test
from lib.wait import wait_for

LINKS, PER_LINK, SECONDS = 4, 250, 20


def config(priority):
    return "".join(instance(name=f"VI_{link}_{vrid}", device=f"eth{link}", vrid=vrid, priority=priority,
                            vips=[f"10.{link}.{vrid}.10/32"])
                   for link in range(LINKS) for vrid in range(1, PER_LINK + 1))


def addresses(node):
    return sum("/32" in line for line in node.run("ip -4 -o addr show").splitlines())


@pytest.mark.timing
@pytest.mark.timeout(300)
def test_thousand_instances(lab, record_property):
    lans = [lab.switch(f"lan{link}") for link in range(LINKS)]
    for kind, start in (("ours", under_test), ("keepalived", peer)):
        r1, r2 = lab.node(f"{kind[0]}1"), lab.node(f"{kind[0]}2")
        for number, node in enumerate((r1, r2), start=1):
            for link, lan in enumerate(lans):
                node.join(lan, f"eth{link}", f"10.{link}.0.{number}/24")
        begin = time.monotonic()
        master = start(r1, config(200))
        wait_for(lambda node=r1: addresses(node) == LINKS * PER_LINK, "all addresses on the master", 60, 0.2)
        settled = time.monotonic() - begin
        backup = start(r2, config(100))
        wait_for(lambda daemon=backup: daemon.text().count("Entering BACKUP STATE") >= LINKS * PER_LINK, "all backups", 60, 0.2)

        processes = {"master": master.pid("vrrp"), "backup": backup.pid("vrrp")}
        wires = [Capture(lan) for lan in lans[:1]]
        before = {name: cpu(pid) for name, pid in processes.items()}
        # The time is the measurement.
        time.sleep(SECONDS)
        for name, pid in processes.items():
            text = f"{kind}, {name}: {(cpu(pid) - before[name]) * 60 / SECONDS:.2f} s of CPU a minute, {resident(pid) / 1024:.1f} MiB"
            record_property(f"{kind} {name}", text)
            print(text)
        print(f"{kind}: all master after {settled:.1f} s")
        for wire in wires:
            wire.close()
            assert {advert.source for advert in wire.adverts()} == {"10.0.0.1"}, "one speaker"
            counts = [len(wire.adverts(vrid=vrid)) for vrid in range(1, PER_LINK + 1)]
            assert SECONDS - 3 <= min(counts) and max(counts) <= SECONDS + 3, (min(counts), max(counts))
        assert addresses(r1) == LINKS * PER_LINK and addresses(r2) == 0
        for node in (r1, r2):
            node.power_off()
