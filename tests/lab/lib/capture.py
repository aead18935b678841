"""What is on a wire: adverts and ARP, decoded here from the bytes, with the kernel's receive time in nanoseconds.

The decoder is a third reading of the RFCs (beside the daemon's and the XDP program's) on purpose: it finds what the other two
agree on wrongly. tcpdump's and tshark's decoders read the same packets again, see `complaints`.
"""

import ctypes
import select
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass, field

from .netns import socket_in
from .wait import wait_for

SO_TIMESTAMPNS = 35
SO_ATTACH_FILTER = 26
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1
SOL_PACKET = 263
ETH_P_ALL = 3


def checksum(data):
    """The Internet checksum (RFC 1071) of the bytes: 0 when they contain their own."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@dataclass(frozen=True)
class Advert:
    time: int  # ns, kernel's clock of day
    source_mac: str
    target_mac: str
    source: str
    target: str
    ttl: int
    tos: int
    version: int
    vrid: int
    priority: int
    interval: float  # seconds
    addresses: tuple
    auth_type: int
    password: bytes  # eight bytes for v2 over IPv4, else none
    message: bytes = b""  # the VRRP message itself
    sequence: int | None = None  # of the authentication header, if there is one
    faults: tuple = field(default=())  # what RFC 3768 / RFC 9568 does not allow, in words

    def __str__(self):
        return f"{self.source} v{self.version} VRID {self.vrid} priority {self.priority}"


@dataclass(frozen=True)
class Arp:
    time: int
    source_mac: str
    target_mac: str
    operation: int  # 1 request, 2 reply
    sender_mac: str
    sender: str
    target: str

    @property
    def gratuitous(self):
        return self.sender == self.target

    def __str__(self):
        kind = "gratuitous ARP" if self.gratuitous else ("ARP request" if self.operation == 1 else "ARP reply")
        return f"{self.sender_mac} {kind} {self.sender} for {self.target}"


def _mac(data):
    return data.hex(":")


def _ip(data):
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)


@dataclass(frozen=True)
class _Header:
    """What the IP header around an advert says, of either family."""
    source: bytes
    target: bytes
    ttl: int
    tos: int
    sequence: int | None
    payload: bytes


def _ipv4_header(ip, faults):
    header, total = (ip[0] & 15) * 4, struct.unpack_from("!H", ip, 2)[0]
    if checksum(ip[:header]) != 0:
        faults.append("IP header checksum")
    if total > len(ip):
        faults.append("IP total length beyond the frame")
    payload, sequence = ip[header:total], None
    if ip[9] == 51:
        if len(payload) < 24 or payload[0] != 112 or payload[1] != 4:
            faults.append("authentication header")
        if payload[4:8] != ip[12:16]:
            faults.append("SPI is not the source address")
        sequence, payload = struct.unpack_from("!I", payload, 8)[0], payload[24:]
    if ip[16:20] == socket.inet_aton("224.0.0.18") and ip[8] != 255:
        faults.append(f"TTL {ip[8]}")
    return _Header(ip[12:16], ip[16:20], ip[8], ip[1], sequence, payload)


def _ipv6_header(ip, faults):
    first, length = struct.unpack_from("!IH", ip)
    if 40 + length > len(ip):
        faults.append("payload length beyond the frame")
    if ip[24:40] == socket.inet_pton(socket.AF_INET6, "ff02::12"):
        if ip[7] != 255:
            faults.append(f"hop limit {ip[7]}")
        if ip[8:10] != b"\xfe\x80":
            faults.append("source is not link-local")
    return _Header(ip[8:24], ip[24:40], ip[7], first >> 20 & 0xFF, None, ip[40:40 + length])


def decode_advert(when, frame):
    faults = []
    is_v4 = frame[12:14] == b"\x08\x00"
    header = (_ipv4_header if is_v4 else _ipv6_header)(frame[14:], faults)
    vrrp, size = header.payload, 4 if is_v4 else 16
    if len(vrrp) < 8:
        return None
    version, kind = vrrp[0] >> 4, vrrp[0] & 15
    vrid, priority, count = vrrp[1], vrrp[2], vrrp[3]
    if kind != 1:
        faults.append(f"type {kind}")
    if vrid == 0:
        faults.append("VRID 0")
    for group, mac in (("224.0.0.18", "01005e000012"), ("ff02::12", "333300000012")):
        if _ip(header.target) == group and frame[0:6] != bytes.fromhex(mac):
            faults.append("multicast to another Ethernet address")
    pseudo = b"" if version == 2 and is_v4 else (
        header.source + header.target + (struct.pack("!BBH" if is_v4 else "!IHBB", *(
            (0, 112, len(vrrp)) if is_v4 else (len(vrrp), 0, 0, 112)))))
    if checksum(pseudo + vrrp) != 0:
        faults.append("VRRP checksum")
    auth_type, password = 0, b""
    length = 8 + size * count
    if version == 2:
        auth_type, interval = vrrp[4], float(vrrp[5])
        if is_v4:
            password, length = vrrp[length:], length + 8
    else:
        if version != 3:
            faults.append(f"version {version}")
        word = struct.unpack_from("!H", vrrp, 4)[0]
        interval = (word & 0x0FFF) / 100
        if word >> 12:
            faults.append("reserved bits set")
    if len(vrrp) != length:
        faults.append(f"length {len(vrrp)} instead of {length}")
    addresses = tuple(_ip(vrrp[8 + size * i : 8 + size * (i + 1)]) for i in range(count) if 8 + size * (i + 1) <= len(vrrp))
    return Advert(when, _mac(frame[6:12]), _mac(frame[0:6]), _ip(header.source), _ip(header.target), header.ttl, header.tos,
                  version, vrid, priority, interval, addresses, auth_type, password, vrrp, header.sequence, tuple(faults))


@dataclass(frozen=True)
class NeighbourAdvert:
    """An unsolicited IPv6 neighbour advertisement: what gratuitous ARP is for IPv4."""
    time: int
    source_mac: str
    target_mac: str
    source: str
    target: str
    sender: str  # the address it is about
    sender_mac: str
    flags: int  # 0x20 override, 0x80 router
    faults: tuple = ()

    def __str__(self):
        return f"{self.source_mac} neighbour advertisement {self.sender}"


def decode_neighbour(when, frame):
    ip = frame[14:]
    length = struct.unpack_from("!H", ip, 4)[0]
    icmp = ip[40:40 + length]
    if len(icmp) < 32 or icmp[0] != 136:
        return None
    good = checksum(ip[8:40] + struct.pack("!IHBB", len(icmp), 0, 0, 58) + icmp) == 0
    return NeighbourAdvert(when, _mac(frame[6:12]), _mac(frame[0:6]), _ip(ip[8:24]), _ip(ip[24:40]), _ip(icmp[8:24]),
                           _mac(icmp[26:32]), icmp[4], () if good else ("ICMP checksum",))


def decode(when, frame):
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0806 and len(frame) >= 42:
        operation = struct.unpack_from("!H", frame, 20)[0]
        return Arp(when, _mac(frame[6:12]), _mac(frame[0:6]), operation, _mac(frame[22:28]), _ip(frame[28:32]),
                   _ip(frame[38:42]))
    if kind == 0x0800 and len(frame) >= 42 and frame[23] in (112, 51):
        return decode_advert(when, frame)
    if kind == 0x86DD and len(frame) >= 62 and frame[20] == 112:
        return decode_advert(when, frame)
    if kind == 0x86DD and len(frame) >= 86 and frame[20] == 58:
        return decode_neighbour(when, frame)
    return None


# Classic BPF: ARP; IPv4 with protocol 112 or 51; IPv6 with next header 112 or ICMPv6. The rest does not wake the lab.
_FILTER = [(0x28, 0, 0, 12), (0x15, 8, 0, 0x0806), (0x15, 0, 3, 0x0800), (0x30, 0, 0, 23), (0x15, 5, 0, 112),
           (0x15, 4, 5, 51), (0x15, 0, 4, 0x86DD), (0x30, 0, 0, 20), (0x15, 1, 0, 112), (0x15, 0, 1, 58),
           (0x06, 0, 0, 0x40000), (0x06, 0, 0, 0)]


class Capture:
    """Listens on a switch from now on. `packets` grows while the test runs; times are comparable with time.time_ns()."""

    def __init__(self, switch):
        self.switch, self.packets, self.frames = switch, [], []
        self._socket = socket_in(switch.namespace, socket.AF_PACKET, socket.SOCK_RAW, 0)
        code = b"".join(struct.pack("HBBI", *line) for line in _FILTER)
        program = ctypes.create_string_buffer(code)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                                struct.pack("HL", len(_FILTER), ctypes.addressof(program)))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind((switch.bridge, ETH_P_ALL))
        index = int(switch.run(f"cat /sys/class/net/{switch.bridge}/ifindex"))
        self._socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("IHH8s", index, PACKET_MR_PROMISC, 0, b""))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name=f"capture {switch.name}", daemon=True)
        self._thread.start()
        switch.lab.at_close(self.close)

    def _listen(self):
        while not self._stop.is_set():
            if not select.select([self._socket], [], [], 0.1)[0]:
                continue
            frame, control, _, _ = self._socket.recvmsg(65536, 128)
            when = time.time_ns()
            for level, kind, data in control:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", data)
                    when = seconds * 1_000_000_000 + nanoseconds
            self.frames.append((when, frame))
            packet = decode(when, frame)
            if packet is not None:
                self.packets.append(packet)

    def close(self):
        self._stop.set()
        self._thread.join(2)
        self._socket.close()

    def mark(self):
        """The place in the capture where we are now, for `since`."""
        return len(self.packets)

    def adverts(self, since=0, **wanted):
        """Adverts whose fields have the wanted values: adverts(source="192.0.2.1", priority=0)."""
        return [p for p in list(self.packets)[since:]
                if isinstance(p, Advert) and all(getattr(p, name) == value for name, value in wanted.items())]

    def garps(self, address=None, since=0, **wanted):
        return [p for p in list(self.packets)[since:]
                if isinstance(p, Arp) and p.gratuitous and address in (None, p.sender)
                and all(getattr(p, name) == value for name, value in wanted.items())]

    def neighbour_adverts(self, address=None, since=0, **wanted):
        """The unsolicited ones: to all nodes."""
        return [p for p in list(self.packets)[since:]
                if isinstance(p, NeighbourAdvert) and p.target == "ff02::1" and address in (None, p.sender)
                and all(getattr(p, name) == value for name, value in wanted.items())]

    def wait_advert(self, timeout=15, since=None, **wanted):
        """The first advert from now (or from the mark) on that matches."""
        since = self.mark() if since is None else since
        return wait_for(lambda: self.adverts(since, **wanted), f"an advert with {wanted}", timeout, 0.002)[0]

    def turns(self, since=0, vrid=None):
        """Who spoke, in order, each run of adverts of one sender counted once: ["192.0.2.1", "192.0.2.2"]."""
        result = []
        for advert in self.adverts(since):
            if vrid in (None, advert.vrid) and (not result or result[-1] != advert.source):
                result.append(advert.source)
        return result

    def faults(self):
        return [f"{advert}: {', '.join(advert.faults)}" for advert in self.adverts() if advert.faults]

    def story(self, limit=200):
        """The capture as lines of text, times in seconds from its first packet."""
        packets = list(self.packets)
        lines = [f"{(p.time - packets[0].time) / 1e9:10.4f}  {p}" for p in packets]
        return lines if len(lines) <= limit else [*lines[: limit // 2], "   ...", *lines[-limit // 2 :]]

    def save(self, path):
        """Writes a pcap file with nanosecond times."""
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65536, 1))
            for when, frame in list(self.frames):
                out.write(struct.pack("<IIII", when // 1_000_000_000, when % 1_000_000_000, len(frame), len(frame)) + frame)
        return path

    def complaints(self, directory):
        """What tcpdump's and tshark's VRRP decoders find wrong with the packets, as lines of text."""
        path = self.save(directory / f"{self.switch.name}.pcap")
        found = self.faults()
        tcpdump = subprocess.run(["tcpdump", "-nvvv", "-r", path, "proto 112 or ah or ip6 proto 112"], capture_output=True, text=True, check=True)
        signs = ("bad ", "invalid", "incorrect", "truncated", "[|", "wrong")
        found += [f"tcpdump: {line.strip()}" for line in tcpdump.stdout.splitlines() if any(s in line for s in signs)]
        # Expert information from "note" upwards; checksums are verified when asked for.
        tshark = subprocess.run(["tshark", "-n", "-r", path, "-o", "ip.check_checksum:TRUE", "-Y",
                                 "vrrp && (_ws.malformed || _ws.expert.severity >= 0x00200000 || vrrp.checksum.status == 0)",
                                 "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message", "-e", "_ws.col.Info"],
                                capture_output=True, text=True, check=True)
        found += [f"tshark: {line}" for line in tshark.stdout.splitlines()]
        return found
