"""Two directors in front of three web servers.

    NAT        client ── outside ──┬── d1 ──┬── inside ──┬── web1
               10.23.8.100         └── d2 ──┘            ├── web2
                                                         └── web3      VIPs 10.23.8.80 and 172.18.1.254

    DR         client ──┐
               d1 ──────┤                                 web1..3 hold the VIP on loopback (scripts/realserver)
               d2 ──────┼── lan ──┬── web1                and answer the client directly
                                  ├── web2
                                  └── web3                VIP 10.23.8.80
"""

import json

from .daemon import CTL, ROOT, Daemon
from .wait import wait_for
from .web import Web

VIP = "10.23.8.80"
INSIDE_VIP = "172.18.1.254"


class Directors:
    """What both topologies share. The daemon runs in d1 and d2; d1 is meant to be master."""

    vip = VIP

    def __init__(self, lab):
        self.lab = lab
        self.daemons = {}
        self.webs = {}

    def start_webs(self):
        for node in self.servers:
            self.webs[node.name] = Web(node).start()

    def start(self, config, program=None):
        """`config` is called with the director's name and gives its keepalived.conf."""
        for node in self.directors:
            self.daemons[node.name] = Daemon(node, config(node.name), program=program).start()
        return self

    def holders(self, vip=None):
        return [node.name for node in self.directors if node.holds(vip or self.vip)]

    def wait_master(self, name, timeout=20):
        def settled():
            ended = [n for n, daemon in self.daemons.items() if daemon.process.entry.poll() not in (None, -9)]
            assert not ended, f"the daemon of {', '.join(ended)} ended by itself"
            return self.holders() == [name]

        wait_for(settled, f"{name} alone holds {self.vip}", timeout)

    def status(self, name):
        """What `xdirector status -j` says on a director."""
        return json.loads(self.node(name).run([CTL, "status", "-j"]))

    def servers_of(self, name):
        """The real servers of the one service, by address, as `xdirector status -j` tells of them."""
        return {server["address"]: server for server in self.status(name)["services"][0]["servers"]}

    def node(self, name):
        return self.lab.nodes[name]


class NatDirectors(Directors):
    def __init__(self, lab):
        super().__init__(lab)
        self.outside, self.inside = lab.switch("outside"), lab.switch("inside")
        self.wire = self.outside
        self.client = lab.node("client").join(self.outside, "eth0", "10.23.8.100/24")
        self.directors = []
        for number in (1, 2):
            node = lab.node(f"d{number}")
            node.join(self.outside, "eth0", f"10.23.8.{number}/24").join(self.inside, "eth1", f"172.18.1.{number}/24")
            node.run("sysctl -qw net.ipv4.ip_forward=1")
            self.directors.append(node)
        self.servers = []
        for number in (1, 2, 3):
            node = lab.node(f"web{number}").join(self.inside, "eth0", f"172.18.1.1{number}/24")
            self.servers.append(node.route("default", INSIDE_VIP))
        self.start_webs()


class DrDirectors(Directors):
    def __init__(self, lab):
        super().__init__(lab)
        self.lan = self.wire = lab.switch("lan")
        self.client = lab.node("client").join(self.lan, "eth0", "10.23.8.100/24")
        self.directors = [lab.node(f"d{n}").join(self.lan, "eth0", f"10.23.8.{n}/24") for n in (1, 2)]
        self.servers = [lab.node(f"web{n}").join(self.lan, "eth0", f"10.23.8.1{n}/24") for n in (1, 2, 3)]
        for node in self.servers:
            node.run([ROOT / "scripts/realserver", "start", VIP])
            node.run([ROOT / "scripts/realserver", "status", VIP])
        self.start_webs()
