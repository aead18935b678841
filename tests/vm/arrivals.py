"""Packets made by hand, sent to a director and caught behind it: nothing answers but the test.

    out ── eth0 ── director ── eth1 ── in

`out` is the clients' side and `in` the real servers'; both are sockets of the test.
"""

import select
import socket
import struct
import time
from ipaddress import ip_address

from lib.capture import checksum
from lib.netns import socket_in

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, UDP, SCTP, ICMP, ICMPV6 = 6, 17, 132, 1, 58
GUE_PORT = 6080
SO_RCVBUFFORCE, PACKET_IGNORE_OUTGOING = 33, 23  # socket(7), packet(7); Python has no names for them


def with_checksum(data, place, pseudo=b""):
    return data[:place] + struct.pack("!H", checksum(pseudo + data) or 0xFFFF) + data[place + 2:]


def pseudo_header(source, destination, protocol, length):
    return source + destination + (struct.pack("!HH", protocol, length) if len(source) == 4 else struct.pack("!II", length, protocol))


def ip(protocol, source, destination, payload, identity=1, ttl=64, tos=0, fragment=0x4000):
    """A whole IP packet; `fragment` is IPv4's word of DF and the like."""
    a, b = ip_address(source).packed, ip_address(destination).packed
    if len(a) == 16:
        return struct.pack("!IHBB", 6 << 28 | tos << 20, len(payload), protocol, ttl) + a + b + payload
    return with_checksum(struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), identity, fragment, ttl, protocol, 0) + a + b, 10) + payload


CRC32C = [0] * 256
for _byte in range(256):
    _crc = _byte
    for _ in range(8):
        _crc = _crc >> 1 ^ (0x82F63B78 if _crc & 1 else 0)
    CRC32C[_byte] = _crc


def with_crc32c(data):
    """An SCTP packet with its checksum filled in."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 255]
    return data[:8] + struct.pack("<I", crc ^ 0xFFFFFFFF) + data[12:]


def segment(protocol, source, port, destination, to, flags=0, data=b"", sequence=1000, acknowledge=0, wrong=False, bare=False, chunks=(0,)):
    """TCP, UDP or SCTP. `wrong`: the checksum is; `bare`: UDP without one; `chunks`: of which types, the last one with the data."""
    if protocol == SCTP:
        values = [b""] * (len(chunks) - 1) + [data]
        body = b"".join(struct.pack("!BBH", chunk, 0, 4 + len(value)) + value for chunk, value in zip(chunks, values))
        return with_crc32c(struct.pack("!HHII", port, to, 4711, 0) + body)
    a, b = ip_address(source).packed, ip_address(destination).packed
    if protocol == TCP:
        whole, place = struct.pack("!HHIIBBHHH", port, to, sequence, acknowledge, 5 << 4, flags, 64240, 0, 0) + data, 16
    else:
        whole, place = struct.pack("!HHHH", port, to, 8 + len(data), 0) + data, 6
    if not bare:
        whole = with_checksum(whole, place, pseudo_header(a, b, protocol, len(whole)))
    return whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1:] if wrong else whole


IP_OPTIONS = ("identity", "ttl", "tos", "fragment")


def packet(protocol, source, port, destination, to, **options):
    outside = {name: options.pop(name) for name in IP_OPTIONS if name in options}
    return ip(protocol, source, destination, segment(protocol, source, port, destination, to, **options), **outside)


def error(source, destination, about):
    """An ICMP error that quotes a packet: "fragmentation needed" or "packet too big"."""
    a, b = ip_address(source).packed, ip_address(destination).packed
    if len(a) == 4:
        return ip(ICMP, source, destination, with_checksum(struct.pack("!BBHHH", 3, 4, 0, 0, 1400) + about[:28], 2))
    whole = struct.pack("!BBHI", 2, 0, 0, 1400) + about[:80]
    return ip(ICMPV6, source, destination, with_checksum(whole, 2, pseudo_header(a, b, ICMPV6, len(whole))))


def fragments(data, at):
    """An IPv4 packet in two pieces; `at` is a multiple of eight."""
    payload = data[20:]
    pieces = []
    for offset, piece in ((0, payload[:at]), (at, payload[at:])):
        head = data[:2] + struct.pack("!H", 20 + len(piece)) + data[4:6] + struct.pack("!H", (0x2000 if offset == 0 else 0) | offset // 8) + data[8:20]
        pieces.append(with_checksum(head[:10] + b"\0\0" + head[12:], 10) + piece)
    return pieces


class Wire:
    """One end of the director's cable."""

    def __init__(self, node, device, director_mac, own_mac):
        self.to, self.own = bytes.fromhex(director_mac.replace(":", "")), own_mac
        self.socket = socket_in(node.namespace, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(263, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23)
        self.socket.bind((device, 0))
        self.socket.setblocking(False)

    def send(self, data):
        self.socket.send(self.to + self.own + (b"\x86\xdd" if data[0] >> 4 == 6 else b"\x08\x00") + data)

    def catch_until(self, last, timeout=20.0):
        """All IP frames that came, up to the one whose packet is `last`."""
        frames, deadline = [], time.monotonic() + timeout
        while True:
            try:
                frame = self.socket.recv(65536)
            except BlockingIOError:
                left = max(deadline - time.monotonic(), 0)
                assert select.select([self.socket], [], [], left)[0], "what was sent last does not come out"
                continue
            if frame[12:14] in (b"\x08\x00", b"\x86\xdd") and not is_chatter(frame[14:]):
                if frame[14:] == last:
                    return frames
                frames.append(frame)


def is_chatter(data):
    """Neighbour discovery and the like."""
    return data[0] >> 4 == 6 and data[6] in (0, ICMPV6) and (data[6] == 0 or data[40] >= 130)


def comparable(data):
    """The packet without what the kernel chooses as it likes, marked where that was well-formed: the identification of tunnels' and errors'
    headers, the flow label of ICMPv6, and the source port of GUE, which is a hash with a secret."""
    outer = b""
    while True:
        version = data[0] >> 4
        length = 40 if version == 6 else (data[0] & 15) * 4
        protocol = data[6] if version == 6 else data[9]
        inner = length
        if protocol == UDP and data[length + 2:length + 4] == struct.pack("!H", GUE_PORT):
            inner += 8 + 4 + (data[length + 8] & 31) * 4
        elif protocol == 47:
            inner += 4 + (4 if data[length] & 0x80 else 0)
        elif protocol not in (4, 41):
            break
        outer += without_identity(data[:length], version)
        if protocol == UDP:
            outer += b"...." if data[length + 6:length + 8] == b"\0\0" else well_formed(data, version, length, protocol)
            outer += data[length + 2:length + 6] + data[length + 8:inner]
        else:
            outer += data[length:inner]
        data = data[inner:]
    if (refused := refusal(data, version, length, protocol)):
        return refused
    if protocol == ICMP:
        return outer + data[:4] + b"id" + data[6:10] + b"ok" + data[12:]
    if protocol == ICMPV6:
        return outer + data[:1] + bytes([data[1] & 0xF0]) + b"fl" + data[4:]
    return outer + data


def refusal(data, version, length, protocol):
    """That a connection is not there: IPVS, which keeps the virtual address's port, says that it is unreachable; without it, it is closed, or
    the protocol is not known."""
    addresses = data[8:40] if version == 6 else data[12:20]
    own = data[7 if version == 6 else 8] == 64
    if own and protocol == TCP and data[length + 13] & RST:
        return b"refused " + addresses + data[length:length + 4]
    unreachable = (protocol == ICMP and data[length:length + 2] in (b"\3\3", b"\3\2")) or (protocol == ICMPV6 and data[length:length + 2] == b"\1\4")
    quoted = length + 8 + (40 if version == 6 else 20)
    return b"refused " + addresses + data[quoted + 2:quoted + 4] + data[quoted:quoted + 2] if unreachable else b""


def without_identity(head, version):
    if version == 6:
        return head
    assert checksum(head) == 0
    return head[:4] + (b"\0\0" if head[4:6] == b"\0\0" else b"id") + head[6:10] + b"ok" + head[12:]


def well_formed(data, version, length, protocol):
    addresses = data[8:40] if version == 6 else data[12:20]
    half = len(addresses) // 2
    return b"good" if checksum(pseudo_header(addresses[:half], addresses[half:], protocol, len(data) - length) + data[length:]) == 0 else b"bad!"


def innermost(data):
    """(protocol, source port, destination port) of the packet in whatever tunnels; None when it has no ports."""
    while True:
        version = data[0] >> 4
        length = 40 if version == 6 else (data[0] & 15) * 4
        protocol = data[6] if version == 6 else data[9]
        if protocol in (4, 41):
            data = data[length:]
        elif protocol == 47:
            data = data[length + 4 + (4 if data[length] & 0x80 else 0):]
        elif protocol == UDP and data[length + 2:length + 4] == struct.pack("!H", GUE_PORT):
            data = data[length + 12 + (data[length + 8] & 31) * 4:]
        else:
            return (protocol, *struct.unpack("!HH", data[length:length + 4])) if protocol in (TCP, UDP, SCTP) else None
