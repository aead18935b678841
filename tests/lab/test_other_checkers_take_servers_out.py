"""
    NAT as drawn in lib/directors.py, with one director.

web1 is checked by a program that sets its weight (MISC_CHECK), web2 by PING_CHECK, web3 by UDP_CHECK: each is taken out when its check says
so, and comes back.
"""

import pytest

from lib.directors import VIP, NatDirectors
from lib.directors_conf import vrrp
from lib.wait import wait_for
from lib.web import ask

pytestmark = pytest.mark.xdirector

SERVICE = f"""
virtual_server {VIP} 80 {{
    delay_loop 1
    retry 0
    warmup 0
    lb_algo wrr
    lb_kind NAT
    protocol TCP
    real_server 172.18.1.11 80 {{
        weight 10
        MISC_CHECK {{
            misc_path "/bin/sh %s"
            misc_dynamic
            user root
        }}
    }}
    real_server 172.18.1.12 80 {{
        weight 10
        PING_CHECK {{
            connect_timeout 1
        }}
    }}
    real_server 172.18.1.13 80 {{
        weight 10
        UDP_CHECK {{
            connect_port 5353
            connect_timeout 1
        }}
    }}
}}
"""


def test_other_checkers_take_servers_out(lab):
    site = NatDirectors(lab)
    site.directors = site.directors[:1]
    script = lab.directory / "check.sh"
    script.write_text("exit 0\n")
    # Nobody listens on UDP 5353 of web3: an ICMP error. Dropped, it is silence, which is good.
    web3 = site.webs["web3"].node
    web3.run("nft add table ip t")
    web3.run("nft add chain ip t i { type filter hook input priority 0 ; }")
    web3.run("nft add rule ip t i udp dport 5353 drop")
    site.start(lambda name: f"global_defs {{\n    router_id {name}\n}}\n" + vrrp("NAT", name) + SERVICE % script)
    site.wait_master("d1")

    def server(address):
        return site.servers_of("d1")[address]

    wait_for(lambda: set(ask(site.client, VIP, count=3)) == {"web1", "web2", "web3"}, "all servers to answer", 30)
    script.write_text("exit 32\n")
    wait_for(lambda: server("172.18.1.11")["effective_weight"] == 30, "the weight that the program sets", 30)
    script.write_text("exit 1\n")
    wait_for(lambda: not server("172.18.1.11")["up"], "web1 taken out", 30)
    web3.run("nft flush chain ip t i")
    wait_for(lambda: not server("172.18.1.13")["up"], "web3 taken out", 30)
    web2 = site.webs["web2"].node
    web2.run("sysctl -qw net.ipv4.icmp_echo_ignore_all=1")
    wait_for(lambda: not server("172.18.1.12")["up"], "web2 taken out", 30)
    script.write_text("exit 0\n")
    web2.run("sysctl -qw net.ipv4.icmp_echo_ignore_all=0")
    wait_for(lambda: server("172.18.1.11")["effective_weight"] == 10 and server("172.18.1.12")["up"], "both back", 30)
