"""For each keyword of the table, arguments that are right: by kind, and by name where the kind does not say enough."""

from .contexts import CONTEXTS

COMMAND = "\"/bin/true one 'two words'\" root root"
BY_KIND = {0: [""], 1: ["true", "false"], 2: ["7"], 3: ["2.5"], 4: ["20"], 5: ["word"], 6: ["10.1.0.9"], 7: ["224.0.0.50"], 8: ["ff02::50"], 9: ["eth1"],
           10: [COMMAND]}
CHOICE, OPTION, NESTED = 11, 18, (13, 14, 15)

METHOD = ["NAT", "DR", "TUN", "TUN type gue port 6080 csum", "TUN type gre"]
TRACKED = ["{\n%s\n}", "{\n%s weight 20\n}", "{\n%s weight -20 reverse\n}"]


def tracked(name):
    return [text % name for text in TRACKED]


BY_NAME = {
    "/net_namespace_ipvs": ["", "lb"],
    "/static_ipaddress": ["{\n10.1.0.77/24 dev eth0\n}"],
    "/static_routes": ["{\n10.9.0.0/16 via 10.1.0.9 dev eth0\n}"],
    "/static_rules": ["{\nfrom 10.9.0.0/16 table 7 priority 100\n}"],
    "/linkbeat_interfaces": ["{\neth0 ETHTOOL\neth1\n}"],
    "/interface_up_down_delays": ["{\neth0 3 4\n}"],
    "/virtual_server_group": ["G {\n10.1.0.7 80\n10.1.1.0-3 81\nfwmark 7 inet6\n}"],
    "global_defs/smtp_server": ["10.1.0.9", "10.1.0.9 2525"],
    "global_defs/notification_email": ["{\na@example.org b@example.org\nc@example.org\n}"],
    "global_defs/max_auto_priority": ["", "50"],
    "global_defs/dynamic_interfaces": ["", "allow_if_changes"],
    "global_defs/lvs_timeouts": ["tcp 900 tcpfin 120 udp 300", "udp 30"],
    "global_defs/lvs_flush_on_stop": ["", "VS"],
    "global_defs/lvs_flush_onstop": ["VS"],
    "global_defs/lvs_sync_daemon": ["eth0", "eth0 inst A id 7 maxlen 1400 port 8848 ttl 3 group 224.0.0.81"],
    "global_defs/vrrp_garp_extra_if": ["30", "all 30"],
    "global_defs/vrrp_vmac_garp_intvl": ["all 30"],
    "global_defs/vrrp_version": ["2", "3"],
    "global_defs/vrrp_iptables": ["", "IN OUT"],
    "global_defs/vrrp_ipsets": ["", "a b c"],
    "global_defs/nftables": ["", "table"],
    "global_defs/vrrp_cpu_affinity": ["0"],
    "global_defs/checker_cpu_affinity": ["0"],
    "global_defs/bfd_cpu_affinity": ["0"],
    "global_defs/nftables_ipvs": ["", "table"],
    "global_defs/notify_fifo": ["/run/all.fifo", "/run/all.fifo root root"],
    "global_defs/vrrp_notify_fifo": ["/run/vrrp.fifo"],
    "global_defs/lvs_notify_fifo": ["/run/lvs.fifo root"],
    "global_defs/script_user": ["root", "root root"],
    "global_defs/vrrp_rx_bufs_policy": ["MTU", "ADVERT", "65536"],
    "global_defs/vrrp_startup_delay": ["2.5"],
    "global_defs/umask": ["022", "IWGRP|IWOTH"],
    "global_defs/reload_check_config": ["", "/tmp/reload.log"],
    "global_defs/reload_file": ["", "/run/reloading"],
    "global_defs/include_check": ["", "read -match"],
    "global_defs/json_version": ["1", "2"],
    "track_group/group": ["{\nA\n}"],
    "vrrp_sync_group/group": ["{\nA\nB\n}"],
    "garp_group/interfaces": ["{\neth1\n}"],
    "vrrp_instance/use_vmac": ["", "vrrp.7", "02:00:00:00:00:07"],
    "vrrp_instance/use_ipvlan": ["", "ipv7 10.1.0.99/24 bridge"],
    "vrrp_instance/unicast_peer": ["{\n10.1.0.9\n10.1.0.10 min_ttl 5 max_ttl 9\n}"],
    "vrrp_instance/old_unicast_checksum": ["", "never"],
    "vrrp_instance/native_ipv6": [""],
    "vrrp_instance/mcast_dst_ip": ["224.0.0.77"],
    "vrrp_instance/version": ["2", "3"],
    "vrrp_instance/advert_int": ["2"],
    "vrrp_instance/virtual_ipaddress": ["{\n10.1.0.7/24 dev eth1 label eth1:7\n10.1.0.8\n}"],
    "vrrp_instance/virtual_ipaddress_excluded": ["{\n10.1.0.7/24 brd + scope link\n10.1.1.7/24 no_track\n}"],
    "vrrp_instance/virtual_routes": ["{\n10.9.0.0/16 via 10.1.0.9 dev eth0 metric 7\n}"],
    "vrrp_instance/virtual_rules": ["{\nfrom 10.9.0.0/16 table 7 priority 100\n}"],
    "vrrp_instance/debug": ["3"],
    "vrrp_instance/notify_deleted": ["", COMMAND],
    "vrrp_instance/timer_expired_backup": ["", "200"],
    "vrrp_instance/thread_timer_expired": ["200"],
    "vrrp_instance/garp_extra_if": ["30", "all 30"],
    "vrrp_instance/vmac_garp_intvl": ["30"],
    "vrrp_instance/authentication/auth_pass": ["secret"],
    "vrrp_instance/auth_hmac/key": ["7 0123456789abcdef0123456789abcdef"],
    "vrrp_script/weight": ["7", "-7 reverse"],
    "vrrp_script/user": ["root root"],
    "vrrp_track_process/process": ["init", "/sbin/init one"],
    "vrrp_track_process/param_match": ["", "initial", "partial"],
    "vrrp_track_process/weight": ["7", "-7 reverse"],
    "virtual_server/protocol": ["TCP", "udp", "SCTP"],
    "virtual_server/lb_kind": METHOD,
    "virtual_server/lvs_method": METHOD,
    "virtual_server/sorry_server": ["10.1.0.99", "10.1.0.99 81"],
    "virtual_server/sorry_server_lvs_method": METHOD,
    "virtual_server/persistence_timeout": ["", "600"],
    "virtual_server/persistence_granularity": ["255.255.255.0"],
    "virtual_server/real_server/lvs_method": METHOD,
    "virtual_server/real_server/MISC_CHECK/user": ["root root"],
    "virtual_server/real_server/UDP_CHECK/payload": ["0a1b ff 7"],
    "virtual_server/real_server/UDP_CHECK/require_reply": ["", "0aXb x7"],
    "virtual_server/real_server/UDP_CHECK/max_reply_length": ["700"],
    "virtual_server/real_server/HTTP_GET/sni_name": ["", "www.example.org"],
    "virtual_server/real_server/HTTP_GET/url/digest": ["0123456789abcdef0123456789abcdef"],
    "virtual_server/real_server/HTTP_GET/url/status_code": ["200 301-302"],
    "virtual_server/real_server/HTTP_GET/url/regex": ['"a b[0-9]+"'],
    "virtual_server/real_server/HTTP_GET/url/regex_no_match": ["\nregex word"],
    "virtual_server/real_server/HTTP_GET/url/regex_options": ["caseless dotall\nregex word"],
    "virtual_server/real_server/HTTP_GET/url/regex_min_offset": ["5\nregex word"],
    "virtual_server/real_server/HTTP_GET/url/regex_max_offset": ["5\nregex word"],
    "virtual_server/real_server/HTTP_GET/url/regex_stack": ["5 7\nregex word"],
    "virtual_server/real_server/DNS_CHECK/name": ["www.example.org"],
    "virtual_server/real_server/FILE_CHECK/track_file": ["F"],
    "virtual_server/real_server/FILE_CHECK/weight": ["7", "-7 reverse"],
    "virtual_server/real_server/BFD_CHECK/name": ["D"],
    "bfd_instance/weight": ["7", "-7 reverse"],
    "bfd_instance/idle_tx": ["2000"],
    "track_file/file": ["/run/number"],
    "track_file/weight": ["7", "-7 reverse"],
    "track_file/init_file": ["", "5 overwrite"],
}
for block in ("vrrp_sync_group", "vrrp_instance"):
    BY_NAME[f"{block}/track_interface"] = tracked("eth1")
    BY_NAME[f"{block}/track_script"] = tracked("C")
    BY_NAME[f"{block}/track_file"] = tracked("F")
    BY_NAME[f"{block}/track_process"] = tracked("P")
    BY_NAME[f"{block}/track_bfd"] = tracked("D")

# What stands before the block, so that what a keyword names is there.
DEFINED = {
    "track_script": 'vrrp_script C {\n    script "/bin/true"\n}\n',
    "track_file": 'track_file F {\n    file "/nonexistent"\n}\n',
    "track_process": "vrrp_track_process P {\n    process init\n}\n",
    "track_bfd": "bfd_instance D {\n    neighbor_ip 10.1.0.9\n}\n",
}
# What stands before the statement in its block.
BEFORE = {"sh-port": "lb_algo sh\n", "sh-fallback": "lb_algo sh\n", "hashed": "lb_algo sh\n", "mh-port": "lb_algo mh\n", "mh-fallback": "lb_algo mh\n",
          "sorry_server_inhibit": "sorry_server 10.1.0.99\n", "sorry_server_lvs_method": "sorry_server 10.1.0.99\n", "hysteresis": "quorum 1\n"}


def valid_arguments(block, keyword, kind, form):
    """None: nobody has said which are right."""
    if found := BY_NAME.get(f"{block}/{keyword}"):
        return found
    if block.startswith("virtual_server/real_server/SSL_GET"):
        return valid_arguments(block.replace("SSL_GET", "HTTP_GET"), keyword, kind, form)
    if kind == CHOICE:
        return [one.strip() for one in form.split("|")]
    return BY_KIND.get(kind)


def text_of(block, keyword, argument, contexts=CONTEXTS):
    """A whole file with the statement in its block."""
    statement = f"{BEFORE.get(keyword, '')}{keyword} {argument}\n"
    return (DEFINED.get(keyword, "") if block in ("vrrp_instance", "vrrp_sync_group") else "") + contexts[block] % statement
