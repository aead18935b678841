"""FRR's vrrpd in a node of the lab: zebra and vrrpd, and the macvlan that FRR wants for each virtual router."""

from pathlib import Path

from .wait import wait_for

DAEMONS = "/usr/lib/frr"


class FrrRouter:
    def __init__(self, node, vrid=51, priority=100, vip="192.0.2.10", version=3, device="eth0"):
        self.node, self.priority = node, priority
        family = 6 if ":" in vip else 4
        node.run("install -d -o frr -g frr /run/frr")
        # FRR knows its virtual router's link by the MAC address and by the VIP on it.
        node.run(f"ip link add vrrp{family}-{vrid} link {device} type macvlan mode bridge")
        node.run(f"ip link set vrrp{family}-{vrid} address 00:00:5e:00:0{1 if family == 4 else 2}:{vrid:02x}")
        node.run(f"ip addr add {vip}/{24 if family == 4 else 64} dev vrrp{family}-{vrid} {'nodad' if family == 6 else ''}")
        node.run(f"ip link set vrrp{family}-{vrid} up")
        addresses = f" vrrp {vrid} ip {vip}" if family == 4 else f" vrrp {vrid} ipv6 fe80::10\n vrrp {vrid} ipv6 {vip}"
        if family == 6:
            node.run(f"ip addr add fe80::10/64 dev vrrp6-{vrid} nodad")
        # The daemons give up root before they read it.
        self.config = "/run/frr/frr.conf"
        node.write(self.config, f"interface {device}\n vrrp {vrid} version {version}\n vrrp {vrid} priority {priority}\n"
                               f" vrrp {vrid} advertisement-interval 1000\n{addresses}\n!\n")
        self.vrrpd = None

    def start(self):
        common = ["-u", "frr", "-g", "frr", "--vty_socket", "/run/frr", "-z", "/run/frr/zserv.api", "-f", self.config, "--log", "stdout"]
        self.node.start([f"{DAEMONS}/zebra", *common, "-i", "/run/frr/zebra.pid"])
        wait_for(Path(f"/proc/{self.node.init}/root/run/frr/zserv.api").exists, "zebra listens")
        self.vrrpd = self.node.start([f"{DAEMONS}/vrrpd", *common, "-i", "/run/frr/vrrpd.pid"])
        return self

    def stop(self):
        self.vrrpd.stop()
