"""What VRRP costs and how fast it is, xdirectord beside Debian's keepalived in the same run, in namespaces of their own.

    scripts/bench vrrp [--json FILE] [--only scale,failover,busy] [--quick]

    scale      a router pair with N instances: CPU of both vrrp processes, memory for each instance, time to settle and to fail over
    failover   from the last advert of a killed master to the new master's first advert and first gratuitous ARP, a hundred times
    busy       takeovers in a minute in which every core is busy twice over at normal priority, or the disk with sync

Each part ends with its goals: ours, keepalived's, the ratio, what is aimed at, and whether it is so. Status 1: something is not.
Figures of one run compare; those of different machines do not.
"""

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from lib import net  # noqa: E402
from lib.capture import Capture  # noqa: E402
from lib.net import Lab  # noqa: E402
from lib.measure import cpu, deaths, master_down, resident, under_load  # noqa: E402
from lib.pairs import instance, peer, under_test  # noqa: E402
from lib.wait import wait_for  # noqa: E402

DAEMONS = {"xdirectord": under_test, "keepalived": peer}
REALTIME = "global_defs {\n    vrrp_rt_priority 50\n    vrrp_rlimit_rttime 1000000\n}\n"


class Goals:
    """What is aimed at, and what came of it."""

    def __init__(self):
        self.rows = []

    def add(self, what, pair, aim, most_ratio=None, most=None, slack=0):
        """`pair`: ours and keepalived's. Ours is to be at most `most`, and at most this part of keepalived's (`slack`: or so little more)."""
        ours, theirs = pair
        met = (most is None or ours <= most) and (most_ratio is None or ours <= theirs * most_ratio + slack)
        ratio = round(ours / theirs, 3) if theirs else ""
        self.rows.append({"what": what, "xdirectord": ours, "keepalived": theirs, "ratio": ratio, "goal": aim, "met": "yes" if met else "NO"})


def both(rows, name, **where):
    """That figure of xdirectord and of keepalived, in the rows that are so."""
    found = {row["daemon"]: row[name] for row in rows if all(row[key] == value for key, value in where.items())}
    return found["xdirectord"], found["keepalived"]


# ---- Many instances ---------------------------------------------------------------------------------------------------


def map_memory(pid):
    """KiB that the kernel holds for the BPF maps that the process has open."""
    maps = {}
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        fields = dict(line.split(":", 1) for line in entry.read_text().splitlines() if ":" in line)
        if "map_id" in fields:
            maps[int(fields["map_id"])] = int(fields.get("memlock", 0)) / 1024
    return sum(maps.values())


def addresses(node):
    return sum("/32" in line for line in node.run("ip -4 -o addr show").splitlines())


def scale_config(count, priority, interval):
    version = 2 if interval >= 1 else 3
    return "".join(
        instance(name=f"VI_{i // 250}_{i % 250 + 1}", device=f"eth{i // 250}", vrid=i % 250 + 1, priority=priority, advert=interval,
                 version=version, vips=[f"10.{i // 250}.{i % 250 + 1}.10/32"]) for i in range(count))


def scale_once(kind, count, interval, seconds):
    """One pair with `count` instances; a row of figures."""
    limit = 60 + count / 50
    links = (count + 249) // 250
    with Lab(f"bench-{kind[0]}{count}") as lab:
        lans = [lab.switch(f"lan{link}") for link in range(links)]
        r1, r2 = lab.node("r1"), lab.node("r2")
        for number, node in enumerate((r1, r2), start=1):
            for link, lan in enumerate(lans):
                node.join(lan, f"eth{link}", f"10.{link}.0.{number}/24")
        start = DAEMONS[kind]
        begin = time.monotonic()
        master = start(r1, scale_config(count, 200, interval))
        wait_for(lambda: addresses(r1) == count, "all addresses on the master", limit, 0.2)
        settled = time.monotonic() - begin
        backup = start(r2, scale_config(count, 100, interval))
        # Nearly all: thousands of lines at once are more than a log's queue keeps.
        wait_for(lambda: backup.text().count("Entering BACKUP STATE") >= 0.9 * count, "the backups", limit, 0.2)
        wires = [Capture(lans[0]), Capture(lans[-1])]
        pids = {"master": master.pid("vrrp"), "backup": backup.pid("vrrp")}
        time.sleep(5)  # what the start left to do
        before = {role: cpu(pid) for role, pid in pids.items()}
        time.sleep(seconds)  # the time is the measurement
        row = {"daemon": kind, "instances": count, "interval_s": interval, "settled_s": round(settled, 2)}
        for role, pid in pids.items():
            row[f"{role}_cpu_s_per_min"] = round((cpu(pid) - before[role]) * 60 / seconds, 3)
            row[f"{role}_kib"] = round(resident(pid))
        row["maps_kib"] = round(map_memory(pids["backup"]))
        row["speakers"] = max(len({advert.source for advert in wire.adverts()}) for wire in wires)
        begin = time.monotonic()
        r1.kill_everything()
        wait_for(lambda: addresses(r2) == count, "all addresses on the backup", limit, 0.02)
        row["moved_after_master_down_s"] = round(time.monotonic() - begin - master_down(interval), 2)
        for wire in wires:
            wire.close()
    return row


def scale(quick):
    rows, goals = [], Goals()
    for count, interval in [(1000, 1)] if quick else [(1000, 1), (1000, 0.1), (3000, 1), (10000, 1)]:
        for kind in DAEMONS:
            few = scale_once(kind, 10, interval, 1)
            row = scale_once(kind, count, interval, 10 if quick else 60)
            for role in ("master", "backup"):
                extra = row[f"{role}_kib"] - few[f"{role}_kib"] + row["maps_kib"] - few["maps_kib"]
                row[f"{role}_kib_each"] = round(extra / (count - 10), 2)
            rows.append(row)
            tell(row)
        name = f"{count} instances, {interval:g} s"
        here = {"instances": count, "interval_s": interval}
        part = 0.1 if interval >= 1 else 0.05
        goals.add(f"{name}: backup, CPU s a minute", both(rows, "backup_cpu_s_per_min", **here), f"ratio {part:g}", most_ratio=part)
        goals.add(f"{name}: master, CPU s a minute", both(rows, "master_cpu_s_per_min", **here), "ratio 0.5", most_ratio=0.5)
        for role in ("master", "backup"):
            goals.add(f"{name}: {role}, KiB for each", both(rows, f"{role}_kib_each", **here), "8 KiB", most=8)
        goals.add(f"{name}: speakers", both(rows, "speakers", **here), "1", most=1)
    return rows, goals


# ---- Failover time ----------------------------------------------------------------------------------------------------

def percentile(values, part):
    """The least of the values that so many of them do not exceed."""
    return sorted(values)[math.ceil(part * len(values)) - 1]


def failover_row(kind, interval, realtime, figures):
    """`figures`: milliseconds beyond master-down, for the first advert and the first gratuitous ARP of the new master."""
    row = {"daemon": kind, "interval_s": interval, "realtime": realtime, "deaths": len(figures),
           "master_down_ms": round(master_down(interval) * 1000, 3)}
    for name, values in zip(("advert", "garp"), zip(*figures)):
        row[f"{name}_median_ms"] = round(statistics.median(values), 3)
        row[f"{name}_p99_ms"] = round(percentile(values, 0.99), 3)
        row[f"{name}_worst_ms"] = round(max(values), 3)
    return row


def failover(quick):
    rows, goals = [], Goals()
    interval, rounds, deaths_in_round = 0.01, 1 if quick else 10, 10
    noise = 0.05  # ms by which two runs of one daemon differ
    for realtime in (False, True):
        figures = {kind: [] for kind in DAEMONS}
        for _ in range(rounds):  # by turns: what else the machine does disturbs both
            for kind, start in DAEMONS.items():
                with Lab(f"bench-{kind[0]}fail") as lab:
                    figures[kind] += deaths(lab, Capture, start, deaths_in_round, interval, REALTIME if realtime else "")
        for kind in DAEMONS:
            rows.append(failover_row(kind, interval, realtime, figures[kind]))
            tell(rows[-1])
        for what in ("advert", "garp"):
            for part, most in (("median", 0.5), ("p99", 2)):
                figure = f"{what}_{part}_ms"
                goals.add(f"{'real-time' if realtime else 'normal'} priority: {figure}", both(rows, figure, realtime=realtime),
                          f"{most} ms, not behind", most=most, most_ratio=1, slack=noise)
    return rows, goals


# ---- False elections --------------------------------------------------------------------------------------------------

LOADS = {"busy loops": ":", "sync": "dd if=/dev/zero of=/var/tmp/xdbench.$$ bs=1M count=8 2>/dev/null; rm -f /var/tmp/xdbench.$$; sync"}


def busy_once(kind, load, interval, realtime, seconds):
    with Lab(f"bench-{kind[0]}busy") as lab:
        takeovers, gap = under_load(lab, Capture, DAEMONS[kind], interval, seconds, LOADS[load], REALTIME if realtime else "")
    return {"daemon": kind, "load": load, "realtime": realtime, "interval_s": interval, "seconds": seconds, "takeovers": takeovers,
            "longest_gap_ms": round(gap, 2)}


def busy(quick):
    rows, goals = [], Goals()
    for load, interval, realtime in (("busy loops", 0.01, True), ("busy loops", 0.01, False), ("busy loops", 0.1, False), ("sync", 0.01, True),
                                     ("sync", 0.1, False)):
        for kind in DAEMONS:
            rows.append(busy_once(kind, load, interval, realtime, 5 if quick else 60))
            tell(rows[-1])
        here = {"load": load, "interval_s": interval, "realtime": realtime}
        name = f"{load}, {interval * 1000:g} ms, {'real-time' if realtime else 'normal'} priority"
        goals.add(f"{name}: takeovers", both(rows, "takeovers", **here), "0", most=0)
    return rows, goals


# ---- The table --------------------------------------------------------------------------------------------------------

def tell(row):
    print("  ".join(f"{name}={value}" for name, value in row.items()), file=sys.stderr, flush=True)


def table(title, rows):
    columns = list(rows[0])
    cells = [columns, *[[str(row.get(column, "")) for column in columns] for row in rows]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    print(f"\n{title}")
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    parts = {"scale": scale, "failover": failover, "busy": busy}
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", metavar="FILE")
    arguments.add_argument("--only", default=",".join(parts), help="parts, separated by commas")
    arguments.add_argument("--quick", action="store_true", help="a few minutes: fewer instances, deaths and seconds")
    wanted = arguments.parse_args()
    net.note = lambda text: None  # the commands of the lab would hide the figures
    results, all_met = {}, True
    for name in wanted.only.split(","):
        rows, goals = parts[name](wanted.quick)
        results[name] = {"figures": rows, "goals": goals.rows}
        table(name, rows)
        table(f"{name}: goals", goals.rows)
        all_met &= all(goal["met"] == "yes" for goal in goals.rows)
    if wanted.json:
        Path(wanted.json).write_text(json.dumps(results, indent=1) + "\n")
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
