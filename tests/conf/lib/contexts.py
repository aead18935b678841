"""For each block, the smallest sound configuration around it; %s is where a statement goes."""

INSTANCE = """vrrp_instance A {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.1.0.5/24
    }
%s}
"""
SECOND = INSTANCE.replace(" A ", " B ").replace("51", "52").replace("10.1.0.5", "10.1.0.6")
SERVER = """virtual_server 10.1.0.5 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
%s    real_server 10.1.0.6 80 {
        weight 1
%s    }
}
"""

CONTEXTS = {
    "": "%s",
    "global_defs": "global_defs {\n%s}\n" + INSTANCE % "",
    "vrrp_sync_group": INSTANCE % "" + SECOND % "" + "vrrp_sync_group G {\n    group {\n        A\n        B\n    }\n%s}\n",
    "vrrp_instance": INSTANCE,
    "vrrp_instance/authentication": INSTANCE % "    authentication {\n        auth_type PASS\n        auth_pass 1234\n%s    }\n",
    "vrrp_script": 'vrrp_script C {\n    script "/nonexistent"\n%s}\n',
    "virtual_server": SERVER % ("%s", ""),
    "virtual_server/real_server": SERVER % ("", "%s"),
}
for checker, own in (("TCP_CHECK", ""), ("HTTP_GET", "            url {\n                path /\n            }\n"),
                     ("SSL_GET", "            url {\n                path /\n            }\n"), ("SMTP_CHECK", ""), ("PING_CHECK", ""), ("UDP_CHECK", ""),
                     ("DNS_CHECK", ""), ("MISC_CHECK", '            misc_path "/nonexistent"\n')):
    CONTEXTS[f"virtual_server/real_server/{checker}"] = SERVER % ("", f"        {checker} {{\n{own}%s        }}\n")
for checker in ("HTTP_GET", "SSL_GET"):
    CONTEXTS[f"virtual_server/real_server/{checker}/url"] = SERVER % (
        "", f"        {checker} {{\n            url {{\n                path /\n%s            }}\n        }}\n")
CONTEXTS["(connection of a checker)"] = CONTEXTS["(schedule of a checker)"] = CONTEXTS["virtual_server/real_server/TCP_CHECK"]
