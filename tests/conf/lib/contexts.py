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
CONTEXTS["virtual_server/real_server/SMTP_CHECK/host"] = SERVER % ("", "        SMTP_CHECK {\n            host {\n%s            }\n        }\n")
TRACK_FILE = 'track_file F {\n    file "/nonexistent"\n%s}\n'
BFD = "bfd_instance D {\n    neighbor_ip 10.1.0.9\n%s}\n"
TRACKING = INSTANCE[:-4] + "    %s {\n        %s\n    }\n}\n"
CONTEXTS |= {
    "track_group": INSTANCE % "" + "track_group G {\n    group {\n        A\n    }\n%s}\n",
    "garp_group": "garp_group {\n    garp_interval 1\n    interface eth0\n%s}\n" + INSTANCE % "",
    "vrrp_track_process": "vrrp_track_process P {\n    process init\n%s}\n" + TRACKING % ("track_process", "P"),
    "SSL": "SSL {\n%s}\n" + SERVER % ("", ""),
    "virtual_server/real_server/FILE_CHECK": TRACK_FILE % "" + SERVER % ("", "        FILE_CHECK {\n            track_file F\n%s        }\n"),
    "virtual_server/real_server/BFD_CHECK": BFD % "" + SERVER % ("", "        BFD_CHECK {\n            name D\n%s        }\n"),
    "bfd_instance": BFD + TRACKING % ("track_bfd", "D"),
    "track_file": TRACK_FILE + TRACKING % ("track_file", "F"),
    "(address line)": INSTANCE % "    virtual_ipaddress_excluded {\n        10.1.0.8/24 %s    }\n",
    "(route line)": INSTANCE % "    virtual_routes {\n        10.9.0.0/16 via 10.1.0.9 dev eth0 %s    }\n",
    "(rule line)": INSTANCE % "    virtual_rules {\n        from 10.9.0.0/16 table 7 priority 100 %s    }\n",
    "(virtual_server_group line)": "virtual_server_group G {\n    10.1.0.7 80\n    %s}\n" + SERVER.replace("10.1.0.5 80", "group G") % ("", ""),
}
CONTEXTS["(connection of a checker)"] = CONTEXTS["(schedule of a checker)"] = CONTEXTS["virtual_server/real_server/TCP_CHECK"]
