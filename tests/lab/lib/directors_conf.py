"""keepalived.conf texts for the topologies of directors.py."""

from .directors import INSIDE_VIP, VIP
from .pairs import instance

# Short times, so that a scenario takes seconds. Retries stay on: one lost probe must not take a server away.
CHECK = """TCP_CHECK {
                connect_timeout 1
            }"""

HTTP_CHECK = """HTTP_GET {
                url {
                    path /health
                    status_code 200
                }
                connect_timeout 1
            }"""


def virtual_server(kind, servers, port=80, algo="rr", check=CHECK, extra="", weights=None, server_extra=""):
    texts = "".join(
        f"""
    real_server {server} {port} {{
        weight {(weights or {}).get(server, 1)}
        {server_extra}
        {check}
    }}"""
        for server in servers)
    return f"""
virtual_server {VIP} {port} {{
    delay_loop 1
    retry 1
    delay_before_retry 1
    warmup 0
    lb_algo {algo}
    lb_kind {kind}
    protocol TCP
    {extra}{texts}
}}
"""


def vrrp(topology, name, advert=0.2):
    """The instances of one director; d1 is the better one."""
    common = dict(priority=150 if name == "d1" else 100, version=3, advert=advert)
    if topology == "DR":
        return instance("OUTSIDE", "eth0", vips=[f"{VIP}/24"], **common)
    return (
        "vrrp_sync_group VG {\n    group {\n        OUTSIDE\n        INSIDE\n    }\n}\n"
        + instance("OUTSIDE", "eth0", vips=[f"{VIP}/24"], **common)
        + instance("INSIDE", "eth1", vips=[f"{INSIDE_VIP}/24"], **common)
    )


def nat_servers():
    return [f"172.18.1.1{n}" for n in (1, 2, 3)]


def dr_servers():
    return [f"10.23.8.1{n}" for n in (1, 2, 3)]


def xdp_mode(topology, mode):
    """The xdirector block that asks for a mode; native works in the lab because the switch ports poll (net.py)."""
    devices = ["eth0"] if topology == "DR" else ["eth0", "eth1"]
    return "xdirector {\n" + "".join(f"    interface {device} {{\n        mode {mode}\n    }}\n" for device in devices) + "}\n"


def director_conf(topology, servers=None, mode=None, **options):
    """A function from a director's name to its keepalived.conf; the options are virtual_server's."""
    servers = servers or (nat_servers() if topology == "NAT" else dr_servers())
    service = virtual_server(topology, servers, **options)
    block = xdp_mode(topology, mode) if mode else ""
    return lambda name: f"global_defs {{\n    router_id {name}\n}}\n" + vrrp(topology, name) + service + block
