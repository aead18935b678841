"""Topologies that several scenarios share.

    router_pair               r1 ──┐
                                   ├── lan ── client
                              r2 ──┘
"""

from .daemon import KEEPALIVED, Daemon
from .wait import wait_for


class RouterPair:
    """Routers r1, r2 (, r3 ...) and a client on one switch; .1, .2, ... and .100 of a /24, device eth0."""

    def __init__(self, lab, count=2, network="192.0.2", device="eth0"):
        self.lab, self.device = lab, device
        self.lan = lab.switch("lan")
        self.routers = [lab.node(f"r{i}").join(self.lan, device, f"{network}.{i}/24") for i in range(1, count + 1)]
        self.addresses = [f"{network}.{i}" for i in range(1, count + 1)]
        self.client = lab.node("client").join(self.lan, "eth0", f"{network}.100/24")

    def holders(self, vip):
        return [router.name for router in self.routers if router.holds(vip)]

    def wait_holder(self, name, vip, timeout=15):
        """Until exactly this router holds the VIP."""
        wait_for(lambda: self.holders(vip) == [name], f"{name} alone holds {vip}", timeout)


def instance(name="VI_1", device="eth0", vrid=51, priority=100, advert=1, version=2, vips=("192.0.2.10/24",), password=None,
             state="BACKUP", extra=""):
    """A vrrp_instance as text."""
    authentication = f"authentication {{\n        auth_type PASS\n        auth_pass {password}\n    }}" if password else ""
    lines = "\n        ".join(vips)
    return f"""
vrrp_instance {name} {{
    state {state}
    interface {device}
    virtual_router_id {vrid}
    priority {priority}
    advert_int {advert}
    version {version}
    {authentication}
    {extra}
    virtual_ipaddress {{
        {lines}
    }}
}}
"""


def under_test(node, config, **options):
    return Daemon(node, config, **options).start()


def peer(node, config, **options):
    """Debian's keepalived: the other side of an interoperation."""
    return Daemon(node, config, program=KEEPALIVED, **options).start()
