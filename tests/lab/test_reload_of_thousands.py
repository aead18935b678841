"""
    r1 (200) ──┬─ lan0 ─┬── r2 (100)       250 instances on each of the links, version 2, adverts every second
               ├─  ...  ┤
               └─ lan7 ─┘

Two thousand instances ($XD_LAB_INSTANCES for another number), and reloads of the master: of the same file, of one that changes a few
instances, of one that changes them all, and of a broken one. Each time somebody asks for the status. No instance misses an advert, nobody
sends priority 0, and there is never a second master.
"""

import json
import os
import time
from collections import Counter, defaultdict

import pytest

from lib.daemon import CTL
from lib.pairs import instance, under_test
from lib.wait import wait_for

COUNT = int(os.environ.get("XD_LAB_INSTANCES", "2000"))
PER_LINK = 250


def config(base, changed=lambda number: False):
    """What `changed` says of an instance's number: another priority, and every second one of these another address as well."""
    text = []
    for number in range(COUNT):
        link, vrid = divmod(number, PER_LINK)
        is_other = changed(number)
        addresses = [f"10.{link}.{vrid + 1}.10/32", *([f"10.{link}.{vrid + 1}.11/32"] if is_other and number % 2 else [])]
        text.append(instance(name=f"VI_{link}_{vrid + 1}", device=f"eth{link}", vrid=vrid + 1, priority=base - 20 * is_other, vips=addresses))
    return "".join(text)


def addresses(node):
    return sum("/32" in line for line in node.run("ip -4 -o addr show").splitlines())


def gaps(wires, since):
    """For each instance the longest time without an advert, in seconds."""
    longest = {}
    for link, wire in enumerate(wires):
        times = defaultdict(list)
        for advert in wire.adverts(since[link]):
            times[advert.vrid].append(advert.time)
        for vrid, heard in times.items():
            longest[link, vrid] = max((b - a) / 1e9 for a, b in zip(heard, heard[1:]))
    return longest


@pytest.mark.xdirector
@pytest.mark.timing
@pytest.mark.timeout(600)
def test_reload_of_thousands(lab, capture, record_property):
    links = (COUNT + PER_LINK - 1) // PER_LINK
    lans = [lab.switch(f"lan{link}") for link in range(links)]
    r1, r2 = lab.node("r1"), lab.node("r2")
    for number, node in enumerate((r1, r2), start=1):
        for link, lan in enumerate(lans):
            node.join(lan, f"eth{link}", f"10.{link}.0.{number}/24")
    master = under_test(r1, config(200))
    wait_for(lambda: addresses(r1) == COUNT, "all addresses on the master", 120, 0.5)
    backup = under_test(r2, config(100))
    wait_for(lambda: backup.text().count("Entering BACKUP STATE") >= COUNT, "all backups", 120, 0.5)
    wires = [capture(lan) for lan in lans]

    def adverts_heard(rounds):
        """Until every instance has spoken so often."""
        since = [wire.mark() for wire in wires]

        def is_so():
            spoken = Counter((link, advert.vrid) for link, wire in enumerate(wires) for advert in wire.adverts(since[link]))
            return len(spoken) == COUNT and min(spoken.values()) >= rounds

        wait_for(is_so, f"{rounds} rounds of adverts", 60, 0.5)

    few = config(200, lambda number: number % 100 == 7)
    every = config(200, lambda number: True)
    broken = every.replace("virtual_router_id 250", "virtual_router_id 300", 1)
    for name, text, sign in (("none", config(200), "Reload finished"), ("few", few, "Reload finished"), ("all", every, "Reload finished"),
                             ("broken", broken, "Reload failed")):
        adverts_heard(1)
        since = [wire.mark() for wire in wires]
        said = master.mark()
        master.reload(text)
        master.wait_log(sign, 60, since=said)
        asked = time.monotonic()
        said = json.loads(r1.run([CTL, "--json", "status"]))
        asked = time.monotonic() - asked
        assert len(said["instances"]) == COUNT and {i["state"] for i in said["instances"]} == {"MASTER"}
        assert all(process["state"] == "running" for process in said["processes"]), said["processes"]
        adverts_heard(4)  # longer than the backup would wait
        longest = gaps(wires, since)
        text = f"{name} of {COUNT} changed: the longest silence of an instance was {max(longest.values()):.2f} s; status took {asked:.2f} s"
        record_property(name, text)
        print(text)
        heard = [advert for wire, mark in zip(wires, since) for advert in wire.adverts(mark)]
        assert not any(advert.source.endswith(".2") for advert in heard), "a second master"
        assert not any(advert.priority == 0 for advert in heard), "nobody stepped down"
        assert len(longest) == COUNT
        assert max(longest.values()) <= 1.5, {key: round(gap, 2) for key, gap in longest.items() if gap > 1.5}
    assert addresses(r1) == COUNT + COUNT // 2 and addresses(r2) == 0
