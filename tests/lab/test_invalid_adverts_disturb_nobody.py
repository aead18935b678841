"""
    r1 (200) ──┐
               ├── lan ── stranger       sends a bad advert of their virtual router every 100 ms, each time bad in another way
    r2 (100) ──┘

Nothing changes: r1's adverts keep their interval, r2 stays backup, nobody's address moves. Each kind of badness is counted under its name.
Then r1 dies, and r2 takes over: what it does not believe does not count as a master that is heard.
(keepalived restarts a master's advert timer at any packet of its VRID: one every 100 ms silences it, and the pair flaps.)
"""

import json
import socket
import struct
import threading

from lib.capture import checksum
from lib.daemon import CTL
from lib.netns import socket_in
from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for

VIP = "192.0.2.10"
ETH_P_IP = 0x0800


def ipv4(payload, ttl=255, source="192.0.2.77", protocol=112):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0xC0, 20 + len(payload), 7, 0, ttl, protocol, 0, socket.inet_aton(source),
                       socket.inet_aton("224.0.0.18"))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def v2(priority=250, count=1, interval=1, auth=0, kind=0x21, password=b"\0" * 8, good_checksum=True):
    message = struct.pack("!BBBBBBH", kind, 51, priority, count, auth, interval, 0) + socket.inet_aton(VIP) + password
    value = checksum(message) if good_checksum else 0xBAD0
    return message[:6] + struct.pack("!H", value) + message[8:]


BAD = {
    "checksum": ipv4(v2(good_checksum=False)),
    "ttl": ipv4(v2(), ttl=254),
    "type": ipv4(v2(kind=0x22)),
    "version": ipv4(v2(kind=0x41)),
    "length": ipv4(v2(count=9)),
    "interval_zero": ipv4(v2(interval=0)),
    "other_interval": ipv4(v2(interval=5, auth=1, password=b"1111\0\0\0\0")),
    "auth_type": ipv4(v2(auth=0)),
    "auth_data": ipv4(v2(auth=1, password=b"wrong\0\0\0")),
    "zero": ipv4(v2(priority=0, auth=1, password=b"wrong\0\0\0")),
}


def rejected(daemon):
    said = json.loads(daemon.node.run([CTL, "--json", "status"]))
    text = json.dumps(said)
    return {name for name in BAD if f'"{name}"' in text}


def test_invalid_adverts_disturb_nobody(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    stranger = pair.client
    wire = capture(pair.lan)
    master = under_test(r1, instance(priority=200, password="1111"))
    pair.wait_holder("r1", VIP)
    backup = under_test(r2, instance(priority=100, password="1111"))
    backup.wait_log("Entering BACKUP STATE")
    wire.wait_advert(source="192.0.2.1")

    link = socket_in(stranger.namespace, socket.AF_PACKET, socket.SOCK_RAW, 0)
    link.bind(("eth0", 0))
    header = bytes.fromhex("01005e000012") + bytes.fromhex(stranger.mac("eth0").replace(":", "")) + struct.pack("!H", ETH_P_IP)
    stop, sent = threading.Event(), [0]

    def send():
        while not stop.wait(0.1):
            link.send(header + list(BAD.values())[sent[0] % len(BAD)])
            sent[0] += 1

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    since = wire.mark()
    wait_for(lambda: len(wire.adverts(since, source="192.0.2.1")) >= 9, "eight intervals of the master", 20)
    adverts = wire.adverts(since, source="192.0.2.1")
    assert sent[0] > 60
    gaps = [(b.time - a.time) / 1e9 for a, b in zip(adverts, adverts[1:])]
    assert max(gaps) < 1.5 and min(gaps) > 0.5, gaps
    assert not wire.adverts(since, source="192.0.2.2"), "the backup never spoke"
    assert pair.holders(VIP) == ["r1"]
    for daemon in (master, backup):
        assert "Entering" not in daemon.text().split("Entering MASTER STATE" if daemon is master else "Entering BACKUP STATE")[-1]
        counted = rejected(daemon)
        assert {"checksum", "ttl", "type", "length", "auth_data", "other_interval"} <= counted, counted

    r1.power_off()
    wire.wait_advert(source="192.0.2.2")
    wait_for(lambda: r2.holds(VIP), "r2 holds the address")
    stop.set()
    thread.join()
    link.close()
