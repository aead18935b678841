"""FRR's bfdd in a node: the other side of a BFD session."""

import json

from . import net
from .wait import wait_for

# In the node's own /run: FRR's programs change to the user frr, who may not look into the lab's directory.
HOME = "/run/frr"


class Frr:
    """zebra and bfdd. `sessions`: lines of the `bfd` block of their configuration."""

    def __init__(self, node, sessions):
        self.node = node
        node.run("mount -t tmpfs tmpfs /var/tmp")  # they leave notes for a crash there
        node.run(f"install -d -o frr -g frr {HOME}")
        node.run(["sh", "-c", f": > {HOME}/zebra.conf; printf '%s' \"$1\" > {HOME}/bfdd.conf", "sh", "bfd\n" + sessions])
        self.zebra = self._start("zebra")
        wait_for(lambda: node.run(f"test -S {HOME}/zserv.api", check=False).returncode == 0, "zebra's socket")
        self.bfdd = self._start("bfdd", "--bfdctl", f"{HOME}/bfdd.sock")

    def _start(self, program, *options):
        return net.Process(self.node, [f"/usr/lib/frr/{program}", "-f", f"{HOME}/{program}.conf", "-i", f"{HOME}/{program}.pid", "-z",
                                       f"{HOME}/zserv.api", "--vty_socket", HOME, "-P", "0", *options], self.node.directory / f"{program}.log")

    def peers(self):
        """By address of the peer: what bfdd knows of it."""
        shown = self.node.run(["vtysh", "--vty_socket", HOME, "-d", "bfdd", "-c", "show bfd peers json"], check=False)
        try:
            return {peer["peer"]: peer for peer in json.loads(shown.stdout)}
        except (json.JSONDecodeError, KeyError):
            return {}

    def wait(self, peer, status, timeout=30):
        wait_for(lambda: self.peers().get(peer, {}).get("status") == status, f"bfdd sees {peer} {status}", timeout, 0.2)

    def shut_down(self, peer, word="shutdown"):
        """bfdd takes the session out of service and says so, or ("no shutdown") takes it back."""
        words = ["-c", "configure terminal", "-c", "bfd", "-c", f"peer {peer}", "-c", word]
        self.node.run(["vtysh", "--vty_socket", HOME, "-d", "bfdd", *words])
