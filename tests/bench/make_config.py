#!/usr/bin/env python3
"""Writes a large keepalived.conf: virtual servers with real servers, each with a TCP checker.

  tests/bench/make_config.py [SERVICES [REAL_SERVERS]] > keepalived.conf

Without arguments: 2284 virtual servers with 37298 real servers in all.
"""

import sys


def address(network, number):
    return f"10.{network + number // 65536}.{number // 256 % 256}.{number % 256}"


def main():
    services = int(sys.argv[1]) if len(sys.argv) > 1 else 2284
    servers = int(sys.argv[2]) if len(sys.argv) > 2 else 37298
    out = ["global_defs {\n    router_id bench\n}\n"]
    done = 0
    for service in range(services):
        share = servers * (service + 1) // services - done
        out.append(f"virtual_server {address(0, service + 1)} 80 {{\n    delay_loop 6\n    lb_algo wrr\n    lb_kind DR\n    protocol TCP\n")
        for server in range(done, done + share):
            out.append(f"    real_server {address(100, server + 1)} 80 {{\n        weight {server % 10 + 1}\n"
                       "        TCP_CHECK {\n            connect_timeout 3\n            retry 2\n        }\n    }\n")
        out.append("}\n")
        done += share
    sys.stdout.write("".join(out))


main()
