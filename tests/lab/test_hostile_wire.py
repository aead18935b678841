"""
                   ┌── r2 (100) hears by XDP
    r1 (200) ── lan├── r3 (90)  hears by raw sockets
                   └── stranger            sends what r1 sends, spoilt: each field, cut, in a VLAN, again

Version 2 with a password, version 3, the authentication header and IPv6, thousands of packets: nobody changes its state, nobody dies, each
packet is counted once and under its reason, and the two ways of hearing agree. XD_HOSTILE=1000000 sends more of them.
"""

import json
import os
import random
import socket
import struct
from collections import Counter

import pytest

from lib.capture import checksum
from lib.daemon import CTL
from lib.net import CommandFailed
from lib.netns import socket_in
from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for

pytestmark = pytest.mark.xdirector

PACKETS = int(os.environ.get("XD_HOSTILE", 20000))
BATCH = 1000
V2, V3, AH, V6 = 51, 52, 53, 54  # by their VRIDs
RAW_ONLY = "xdirector {\n    interface eth1 {\n    }\n}\n"


def config(priority, head=""):
    password = "authentication {\n auth_type AH\n auth_pass s3cret\n }"
    return (head + instance("V2", vrid=V2, priority=priority, password="s3cret", vips=["192.0.2.51/24"])
            + instance("V3", vrid=V3, priority=priority, version=3, vips=["192.0.2.52/24"])
            + instance("AH", vrid=AH, priority=priority, extra=password, vips=["192.0.2.53/24"])
            + instance("V6", vrid=V6, priority=priority, version=3, vips=["fe80::54/64", "2001:db8::54/64"]))


class Frame:
    """A frame of r1: Ethernet, IP, perhaps an authentication header, and the message."""

    def __init__(self, data):
        self.v6 = data[12:14] == b"\x86\xdd"
        self.ip, self.message = bytearray(data[14:54 if self.v6 else 34]), bytearray(data[54 if self.v6 else 34:])
        self.ethernet = data[:14]
        self.has_ah = not self.v6 and self.ip[9] == 51
        self.start = 24 if self.has_ah else 0  # of the message behind the authentication header
        self.vrid = self.message[self.start + 1]
        self.version = self.message[self.start] >> 4

    def pseudo(self):
        addresses = self.ip[8:40] if self.v6 else self.ip[12:20]
        length = struct.pack("!I" if self.v6 else "!xxH", len(self.message))
        return bytes(addresses) + (length + b"\0\0\0\x70" if self.v6 else b"\0\x70" + length[2:])

    def believable(self):
        """Whether a form of the checksum is right: such a packet is not spoilt."""
        return checksum(bytes(self.message)) == 0 or checksum(self.pseudo() + bytes(self.message)) == 0

    def seal(self):
        self.message[6:8] = b"\0\0"
        covered = bytes(self.message) if self.version == 2 else self.pseudo() + bytes(self.message)
        self.message[6:8] = struct.pack("!H", checksum(covered))

    def bytes(self, tag=b""):
        if self.v6:
            self.ip[4:6] = struct.pack("!H", len(self.message))
        else:
            self.ip[2:4] = struct.pack("!H", 20 + len(self.message))
            self.ip[10:12] = b"\0\0"
            self.ip[10:12] = struct.pack("!H", checksum(bytes(self.ip)))
        return self.ethernet[:12] + tag + self.ethernet[12:] + bytes(self.ip) + bytes(self.message)


def spoilt(original, chance):
    """What the kind of harm is called, and the frame; None where it came out right all the same."""
    frame = Frame(original)
    message, start = frame.message, frame.start
    kind = chance.choice(["bytes", "bytes", "field", "field", "ttl", "cut", "vlan"] + (["again"] * 3 if frame.has_ah else []))
    if kind == "bytes":
        for _ in range(chance.randint(1, 4)):
            message[chance.randrange(len(message))] = chance.randrange(256)
        if message == Frame(original).message or message[start + 1] != frame.vrid:
            return None
        if not frame.has_ah and frame.believable():
            return None
    elif kind == "field":
        fields = [("type", start, (message[start] & 0xF0) | chance.choice([0, 2, 15])), ("version", start, chance.choice([0x11, 0x41, 0xF1])),
                  ("count", start + 3, message[start + 3] + chance.randint(1, 9))]
        if frame.vrid == V2:
            fields += [("interval", 5, chance.choice([0, 2, 255])), ("auth type", 4, chance.choice([0, 2, 9])),
                       ("password", len(message) - 8, message[-8] ^ chance.randint(1, 255))]
        if frame.version == 3:
            message[4] &= 0xF0
            fields.append(("interval", 5, 0))
        name, at, value = chance.choice(fields)
        if name != "interval":
            message[:] = Frame(original).message
        message[at] = value
        if not frame.has_ah:
            frame.seal()
    elif kind == "ttl":
        frame.ip[7 if frame.v6 else 8] = chance.randint(1, 254)
    elif kind == "cut":
        # XDP counts what has no whole VRRP header as a truncated frame, of no instance.
        del message[chance.randint(start + 2 if frame.v6 or frame.has_ah else 8, len(message) - 1):]
    elif kind == "vlan":
        message[start + 2] = 250
        if not frame.has_ah:
            frame.seal()
        return kind, frame.bytes(struct.pack("!HH", 0x8100, chance.randint(1, 4094)))
    return kind, frame.bytes()


def test_nobody_believes_a_spoilt_advert(lab, capture):
    pair = RouterPair(lab, count=3)
    other = lab.switch("other")
    for router in pair.routers:
        switch, port = router.ports["eth0"]
        switch.run(f"ethtool -K {port} txvlan off")  # else the tag travels beside the frame, where XDP does not see it
        router.join(other, "eth1")
    wire = capture(pair.lan)
    r1, r2, r3 = pair.routers
    master = under_test(r1, config(200))
    wait_for(lambda: all(r1.holds(f"192.0.2.{vrid}") for vrid in (V2, V3, AH)) and r1.holds("2001:db8::54"), "all addresses", 20)
    backups = [under_test(r2, config(100)), under_test(r3, config(90, RAW_ONLY))]

    def status(daemon):
        return {i["vrid"]: i for i in json.loads(daemon.node.run([CTL, "--json", "status"]))["instances"]}

    def hears_all(daemon):
        try:
            heard = status(daemon).values()
        except CommandFailed:  # it does not answer yet
            return False
        return len(heard) == 4 and all(i["adverts_received"] > 1 for i in heard)

    for backup in backups:
        wait_for(lambda d=backup: hears_all(d), "all adverts heard", 20)
    assert {backup.node.name: status(backup)[V2]["transport"] for backup in backups} == {"r2": "xdp", "r3": "raw"}

    link = socket_in(pair.client.namespace, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    link.bind(("eth0", 3))
    originals = {}
    link.settimeout(10)
    while len(originals) < 4:
        data = link.recv(2048)
        ipv4 = data[12:14] == b"\x08\x00" and data[23] in (51, 112)
        if ipv4 or (data[12:14] == b"\x86\xdd" and data[20] == 112):
            originals[Frame(data).vrid] = data
    link.close()
    wire.wait_advert(vrid=AH)  # what was caught is old now
    wire.wait_advert(vrid=AH)

    chance = random.Random(PACKETS)
    sent, kinds = Counter(), Counter()
    link = socket_in(pair.client.namespace, socket.AF_PACKET, socket.SOCK_RAW, 0)
    link.bind(("eth0", 0))
    logs = {daemon: daemon.mark() for daemon in (master, *backups)}
    before = {daemon: {vrid: Counter(i["rejected"]) for vrid, i in status(daemon).items()} for daemon in logs}

    def counted(daemon):
        return {vrid: Counter(i["rejected"]) - before[daemon][vrid] for vrid, i in status(daemon).items()}

    while sum(kinds.values()) < PACKETS:
        for _ in range(BATCH):
            vrid = chance.choice(list(originals))
            harm = spoilt(originals[vrid], chance)
            if harm is None:
                continue
            kinds[harm[0]] += 1
            if harm[0] != "vlan":
                sent[vrid] += 1
            link.send(harm[1])
        for daemon in backups:  # the stack of r1 drops what comes from its own address
            wait_for(lambda d=daemon: {vrid: sum(c.values()) for vrid, c in counted(d).items()} == sent,
                     f"{daemon.node.name} to have counted {dict(sent)}", 30)
    link.close()
    print(dict(kinds))

    by_xdp, by_raw = (counted(backup) for backup in backups)
    print(*(f"{vrid}: {dict(by_raw[vrid])}" for vrid in by_raw), sep="\n")
    assert by_xdp == by_raw
    common = {"checksum", "ttl", "type", "version", "length", "interval_zero"}
    assert common <= set(by_raw[V3])
    assert common | {"other_interval", "auth_type", "auth_data"} <= set(by_raw[V2])
    assert common | {"too_short"} <= set(by_raw[V6])
    assert {"ah_data", "ah_header", "ah_replay"} <= set(by_raw[AH])
    for daemon, since in logs.items():
        assert "Entering" not in daemon.text()[since:], daemon.node.name
        assert "respawn" not in daemon.text()[since:].lower()
    assert wire.turns(vrid=V3) == [pair.addresses[0]]
