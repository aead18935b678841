"""
    r1 (100) ──┐
               ├── lan
    r2 (50) ───┘

SIGUSR1, SIGUSR2 and the JSON signal leave the files that keepalived leaves, where it leaves them ($TMPDIR). Exporters parse them, so
both daemons write them in the same situation, and the lines of the statistics, the keys of the JSON in their order and the keys of
the instances in the data are compared.
"""

import json
import os
import re
import signal
import stat

import keepalived_version
import pytest

from lib import daemon
from lib.daemon import KEEPALIVED, Daemon
from lib.pairs import RouterPair, instance
from lib.wait import wait_for

pytestmark = [pytest.mark.xdirector, pytest.mark.skipif(keepalived_version.IS_ANOTHER, reason=keepalived_version.REASON)]

JSON = signal.SIGRTMIN + 2
CLEAR = signal.SIGRTMAX - 1


def whole(path, what):
    """A dump's text once it no longer grows: keepalived writes its files in place, piece by piece."""
    seen = [""]

    def settled():
        before, seen[0] = seen[0], path.read_text() if path.exists() else ""
        return seen[0] if seen[0] == before else ""

    return wait_for(settled, what, step=0.2)


def files_of(lab, pair, program):
    r1 = pair.routers[0]
    folder = r1.directory / program.rsplit("/", 1)[-1]
    folder.mkdir()
    check = folder / "check"
    check.write_text("#!/bin/sh\nexit 0\n")
    check.chmod(0o700)
    config = f"global_defs {{\n    router_id R1\n    script_user root\n}}\nvrrp_script chk {{\n    script {check}\n    weight 10\n}}\n"
    config += instance(version=3, advert=0.2, vips=("192.0.2.10/24", "192.0.2.11/24 label eth0:1"), extra="track_script {\n        chk\n    }")
    config += instance("VI_2", vrid=52, vips=("192.0.2.20/24",), password="secret")
    one = Daemon(r1, config, program=program, environment={"TMPDIR": str(folder)}).start()
    wait_for(lambda: r1.holds("192.0.2.10") and r1.holds("192.0.2.20"), "both addresses")
    read = {}
    for number, name in ((signal.SIGUSR1, "keepalived.data"), (signal.SIGUSR1, "keepalived_parent.data"), (signal.SIGUSR2, "keepalived.stats"),
                         (JSON, "keepalived.json")):
        os.kill(one.pid(), number)
        path = folder / name
        read[name] = whole(path, f"{name} of {program}")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    os.kill(one.pid(), CLEAR)

    def cleared():  # of two signals that wait, the one with the lower number is read first
        os.kill(one.pid(), signal.SIGUSR2)
        text = whole(folder / "keepalived.stats", "new statistics")
        return text if "Became master: 0" in text else None

    read["cleared"] = wait_for(cleared, "cleared statistics", step=0.5)
    assert one.stop() == 0
    return read


def shape(value):
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items()]
    return [shape(inner) for inner in value] if isinstance(value, list) else None


def test_dump_files_have_keepalived_s_shape(lab):
    pair = RouterPair(lab)
    theirs = files_of(lab, pair, KEEPALIVED)
    ours = files_of(lab, pair, daemon.UNDER_TEST)

    def without_counts(text):
        return re.sub(r"(Sent|Received): \d+", r"\1: N", text)

    assert without_counts(ours["keepalived.stats"]) == without_counts(theirs["keepalived.stats"])
    assert "Became master: 1" in ours["keepalived.stats"]

    assert shape(json.loads(ours["keepalived.json"])) == shape(json.loads(theirs["keepalived.json"]))
    for own, other in zip(json.loads(ours["keepalived.json"]), json.loads(theirs["keepalived.json"]), strict=True):
        for key in ("iname", "ifp_ifname", "vrid", "base_priority", "effective_priority", "vipset", "adver_int", "master_adver_int", "state",
                    "version", "vips", "auth_type", "garp_delay", "accept", "master_priority"):
            assert own["data"][key] == other["data"][key], key

    # Of the data, what exporters read: the instances' lines, in their order, with their values where these do not depend on time.
    def topology(text):
        body = text.split("------< VRRP Topology >------\n")[1].split("------<")[0]
        passing = ("Last transition", "Read timeout", "Password", "fd_in", "Number of")
        return [line for line in body.splitlines() if not line.strip().startswith(passing)]

    assert topology(ours["keepalived.data"]) == topology(theirs["keepalived.data"])
    assert "secret" not in "".join(ours.values())


BIG = """
global_defs {{
    router_id R1
    script_user root
    enable_script_security
}}
track_file tf {{
    file {folder}/track
    weight 2
    init_file 3
}}
vrrp_track_process tp {{
    process sleep
    weight 3
    delay 2
}}
vrrp_script chk {{
    script "{folder}/check"
    interval 2
    weight 10
    fall 2
    rise 3
}}
bfd_instance b1 {{
    neighbor_ip 192.0.2.9
    source_ip 192.0.2.1
    min_rx 50
    min_tx 60
    multiplier 4
    weight 5
}}
static_ipaddress {{
    192.0.2.50/24 dev eth0
}}
static_routes {{
    10.1.0.0/16 via 192.0.2.254 dev eth0
}}
static_rules {{
    from 10.1.0.0/16 table 100 priority 1001
}}
track_group TG {{
    group {{
        A
    }}
}}
vrrp_sync_group G1 {{
    group {{
        A
        B
    }}
    notify "{folder}/check g"
    notify_master "{folder}/check m"
    track_interface {{
        eth1
    }}
    sync_group_tracking_weight
}}
vrrp_instance A {{
    interface eth0
    virtual_router_id 51
    priority 100
    version 3
    advert_int 0.2
    notify "{folder}/check n"
    notify_master "{folder}/check nm"
    notify_backup "{folder}/check nb"
    notify_fault "{folder}/check nf" nobody
    nopreempt
    track_interface {{
        eth1 weight -5
    }}
    track_script {{
        chk
    }}
    track_file {{
        tf weight 1
    }}
    track_process {{
        tp
    }}
    track_bfd {{
        b1
    }}
    virtual_ipaddress {{
        192.0.2.100/24 dev eth0 label eth0:1
        192.0.2.101
    }}
    virtual_ipaddress_excluded {{
        2001:db8::1/64
    }}
    virtual_routes {{
        10.3.0.0/16 via 192.0.2.254 dev eth0 metric 5
        192.0.2.128/25 dev eth0 src 192.0.2.1 table 100 scope link
        10.4.0.0/16 via 192.0.2.254 dev eth0 tos 0x10 mtu 1400 advmss lock 1360 rto_min 20 quickack 1 congctl cubic
        blackhole 10.5.0.0/16
        10.6.0.0/16 nexthop via 192.0.2.254 dev eth0 weight 2 nexthop via 192.0.2.253 dev eth0 onlink
        append 10.7.0.0/16 via 192.0.2.254 dev eth0 onlink no_track
        10.8.0.0/16 encap ip id 7 dst 192.0.2.9 ttl 5 tos 8 via 192.0.2.254 dev eth0
        default via 192.0.2.254 dev eth0 metric 300
        2001:db8:1::/48 dev eth0 metric 20 pref high
        local 10.16.0.1 dev eth0 scope host
    }}
    virtual_rules {{
        from 10.3.0.0/16 table 200 priority 900
        not from 10.4.0.0/16 to 10.5.0.0/16 fwmark 5/7 iif eth0 tos 0x10 table 100 priority 901
        from 10.4.0.0/16 ipproto tcp sport 80-80 uidrange 5-7 realms 3/4 table 100 priority 902
        from 10.4.0.0/16 suppress_prefixlength 5 table main priority 903 no_track
        from 10.4.0.0/16 blackhole priority 904
        from 10.4.0.0/16 goto 910 priority 905
        from 2001:db8:5::/48 nop priority 906
    }}
}}
vrrp_instance B {{
    interface eth0
    virtual_router_id 52
    priority 100
    version 2
    advert_int 1
    use_vmac
    authentication {{
        auth_type PASS
        auth_pass secret
    }}
    preempt_delay 5
    virtual_ipaddress {{
        192.0.2.102/24
    }}
}}
vrrp_instance C {{
    interface eth1
    virtual_router_id 53
    priority 100
    unicast_src_ip 198.51.100.1
    unicast_peer {{
        198.51.100.2
        198.51.100.3
    }}
    virtual_ipaddress {{
        198.51.100.102/24
    }}
}}
"""
# Its inside, and counts that only the process connector knows.
INSIDE = re.compile(r"fd_|Number of|Seen up|Delayed|debounce|NIC netlink|[Rr]eset |Original|rp_filter|Not IPv6|MAC broadcast|Init state|^VRRP instances$|"
                    r"Current processes|delay timer|thread_|sands_|send error|remote diag|local demand|!poll|remote (tx|detection)|last_seen|"
                    r"Configured interface|VMAC type|Underlying interface|Is VMAC|IPv6 forwarding")


def sections(text):
    """By section, the labels of its lines in their order: what stands in front of " = " or of a colon at the end. Values are left out,
    and addresses, routes and names of instances, which are no labels."""
    found, section = {}, None
    for line in text.splitlines():
        if line.startswith("------<"):
            section = found.setdefault(line.strip("-<> "), [])
        elif section is not None:
            label = re.sub(r"( = | :|,? i/f name | script = |uid:gid|\(\d+\):).*", "", line.strip())
            if (" = " in line or line.rstrip().endswith(":")) and not INSIDE.search(label) and label not in section:
                section.append(label)
    return found


def test_data_of_a_large_configuration_has_keepalived_s_labels(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0].join(lab.switch("far"), "eth1", "198.51.100.1/24")
    read = {}
    for program in (KEEPALIVED, daemon.UNDER_TEST):
        folder = r1.directory / program.rsplit("/", 1)[-1]
        folder.mkdir()
        (folder / "check").write_text("#!/bin/sh\nexit 0\n")
        (folder / "check").chmod(0o700)
        one = Daemon(r1, BIG.format(folder=folder), program=program, environment={"TMPDIR": str(folder)}).start()
        wait_for(lambda: all(r1.holds(f"192.0.2.{last}") for last in (100, 101, 102)) and r1.holds("198.51.100.102"), "all addresses", 30)
        for number, names in ((signal.SIGUSR1, ("keepalived.data", "keepalived_bfd.data")), (JSON, ("keepalived.json",))):
            os.kill(one.pid(), number)
            for name in names:
                read[program, name] = whole(folder / name, f"{name} of {program}")
        assert one.stop() == 0

    both = [sections(read[program, "keepalived.data"] + read[program, "keepalived_bfd.data"]) for program in (KEEPALIVED, daemon.UNDER_TEST)]
    for section in ("VRRP Topology", "VRRP Sync groups", "VRRP Scripts", "VRRP Track files", "VRRP Track processes", "VRRP Track BFDs", "Interfaces",
                    "Static Track groups", "BFD Topology"):
        theirs, ours = (labels[section] for labels in both)
        assert [label for label in theirs if label not in ours] == [], section
        assert [label for label in ours if label in theirs] == theirs, f"the order in {section}"

    theirs, ours = (json.loads(read[program, "keepalived.json"]) for program in (KEEPALIVED, daemon.UNDER_TEST))
    for own, other in zip(ours, theirs, strict=True):
        assert list(own["data"]) == list(other["data"])
        for key in ("vmac_ifname", "ifp_ifname", "vips", "evips", "vroutes", "vrules", "track_ifp", "script", "script_master", "script_fault"):
            assert str(own["data"].get(key)).replace("xdirectord", "keepalived") == str(other["data"].get(key)), key
