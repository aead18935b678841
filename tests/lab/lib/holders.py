"""Who held a virtual address when: the kernels' own notices, compared with who spoke on the wire."""

import select
import socket
import struct
import threading
import time

from .netns import socket_in

RTMGRP_IPV4_IFADDR = 0x10
RTM_NEWADDR, RTM_DELADDR = 20, 21
IFA_LOCAL = 2


def _addresses(message):
    """(added, address) for each address notice in a datagram from rtnetlink."""
    offset = 0
    while offset + 16 <= len(message):
        length, kind = struct.unpack_from("=IH", message, offset)
        at = offset + 16 + 8  # the headers of netlink and of the address
        while kind in (RTM_NEWADDR, RTM_DELADDR) and at + 4 <= offset + length:
            size, attribute = struct.unpack_from("=HH", message, at)
            if attribute == IFA_LOCAL:
                yield kind == RTM_NEWADDR, socket.inet_ntoa(message[at + 4 : at + 8])
            at += max((size + 3) & ~3, 4)
        offset += max((length + 3) & ~3, 16)


class HolderWatch:
    """Watches an address in some nodes from now on."""

    def __init__(self, lab, nodes, address):
        self.address = address
        self.events = [(time.time_ns(), node.name, True) for node in nodes if node.holds(address)]
        self._sockets = {}
        for node in nodes:
            listener = socket_in(node.namespace, socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            listener.bind((0, RTMGRP_IPV4_IFADDR))
            self._sockets[listener] = node
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="holders", daemon=True)
        self._thread.start()
        lab.at_close(self.close)

    def _listen(self):
        while not self._stop.is_set():
            for listener in select.select(list(self._sockets), [], [], 0.1)[0]:
                message = listener.recv(1 << 16)
                when = time.time_ns()
                for added, address in _addresses(message):
                    if address == self.address:
                        self.events.append((when, self._sockets[listener].name, added))

    def close(self):
        self._stop.set()
        self._thread.join(2)
        for listener in self._sockets:
            listener.close()

    def gone(self, node):
        """The node lost its power: what its kernel still believes is nobody's concern."""
        self.events.append((time.time_ns(), node.name, False))

    def at(self, when):
        held = set()
        for _, name, added in sorted(event for event in list(self.events) if event[0] <= when):
            held.add(name) if added else held.discard(name)
        return held

    def disagreements(self, adverts, names):
        """Adverts at whose time not exactly their sender held the address. The first advert of a turn is the takeover itself.
        `names` maps source addresses to nodes."""
        found, speaker = [], None
        for advert in adverts:
            sender = names[advert.source]
            if sender == speaker and advert.priority != 0 and self.at(advert.time) != {sender}:
                found.append(f"{advert} while {sorted(self.at(advert.time))} held {self.address}")
            speaker = sender
        return found
