"""
    one node with xdirectord; its table of flows is filled by hand

`xdirector flows` prints 1,000,000 connections within two seconds of processor time, each of them once. A busy neighbour takes nothing from
that; a build without optimization takes twice as much.
"""

import ctypes
import resource
import struct
import subprocess

import pytest

from lib.daemon import CTL, Daemon
from lib.wait import wait_for

pytestmark = [pytest.mark.xdirector, pytest.mark.timing]

FLOWS = 1_000_000
SYSCALL_BPF, OBJ_GET, UPDATE_BATCH = 321, 7, 26  # x86_64
ESTABLISHED, TCP, WAYS = 1, 6, 15

CONFIG = """
virtual_server 10.0.0.1 80 {
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 10.1.0.2 80 {
    }
}
xdirector {
    engine xdp
    interface eth0 {
    }
    flows 1000000
}
"""


def bpf(command, attributes):
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = libc.syscall(SYSCALL_BPF, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def open_map(node, name):
    path = ctypes.create_string_buffer(f"/proc/{node.init}/root/sys/fs/bpf/xdirector/{name}".encode())
    return bpf(OBJ_GET, struct.pack("<QII", ctypes.addressof(path), 0, 0))


def fill(node, seen):
    """Flows from 100.64.0.0 on, ports 1024 on; as bpf/xdirector.h lays them out. Full buckets: whoever lists them asks for no hash."""
    mapped, vip = b"\0" * 10 + b"\xff\xff", bytes([10, 0, 0, 1])
    head = struct.pack("<IIIIII", 0, seen, ESTABLISHED, 0, 0, 0) + mapped
    tail = struct.pack("!12s4s", mapped, vip)
    flows = [head + struct.pack("!I16sHHBBH", 0x64400000 + n // 60000, tail, 1024 + n % 60000, 80, TCP, 0, 0) for n in range(FLOWS)]
    buckets = []
    for first in range(0, FLOWS, WAYS):
        some = flows[first : first + WAYS]
        buckets.append((struct.pack(f"<{len(some)}I", *range(2, len(some) + 2)).ljust(64, b"\0") + b"".join(some)).ljust(1024, b"\0"))
    keys = ctypes.create_string_buffer(struct.pack(f"<{len(buckets)}I", *range(len(buckets))))
    values = b"".join(buckets)
    values = ctypes.create_string_buffer(values, len(values))
    bpf(UPDATE_BATCH, struct.pack("<QQQQIIQQ", 0, 0, ctypes.addressof(keys), ctypes.addressof(values), len(buckets), open_map(node, "xd_flows"), 0, 0))


def processor_time():
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def jiffies():
    with open("/proc/timer_list") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("jiffies: ")) & 0xFFFFFFFF


def test_million_flows_are_listed(lab):
    lan = lab.switch("lan")
    d1 = lab.node("d1").join(lan, "eth0", "10.1.0.1/24")
    Daemon(d1, CONFIG).start()
    wait_for(lambda: "10.1.0.2:80" in d1.run([CTL, "services"], check=False).stdout, "the service", 60, 0.5)
    fill(d1, jiffies())
    listed = d1.directory / "flows"
    times = []
    for _ in range(3):
        with open(listed, "wb") as out:
            before = processor_time()
            subprocess.run([*d1.enter, CTL, "flows"], stdout=out, check=True)
            times.append(processor_time() - before)
    lines = listed.read_text().splitlines()[2:]
    assert len(lines) == len(set(lines)) == FLOWS
    assert lines[0].split()[2:3] + lines[0].split()[4:] == ["ESTABLISHED", "10.0.0.1:80", "10.1.0.2:80"]
    print("seconds for a million flows:", ", ".join(f"{t:.2f}" for t in sorted(times)))
    assert min(times) <= 2, times
