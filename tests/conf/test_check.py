"""xdirector check: the same findings for people and, with -j, for programs; it ends as keepalived -t does."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from lib.compilers import CONF_CHECK

XDIRECTOR = CONF_CHECK.parents[2] / "userspace/ctl/xdirector"
pytestmark = pytest.mark.skipif(not XDIRECTOR.exists(), reason="xdirector is not built")

GOOD = "vrrp_instance A {\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n  10.1.0.5/24\n }\n}\n"


def check(path, *options):
    done = subprocess.run([XDIRECTOR, "check", *options, "--elsewhere", path], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout


HOST = """
ip link add eth0 type veth peer name eth1
ip addr add 192.0.2.1/24 dev eth0
ip addr add 198.51.100.1/24 dev eth1
exec "$@"
"""
# %s is the folder, where `writable` is a program that everybody may change and `text` is none.
ASKS_THE_HOST = """global_defs {
    enable_script_security
    script_user root
}
vrrp_script writable {
    script "%(folder)s/writable -x"
    user nobody_of_that_name
}
vrrp_script text {
    script "%(folder)s/text"
}
vrrp_instance VI_1 {
    interface eth7
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.10/24
    }
}
vrrp_instance VI_2 {
    interface eth0
    virtual_router_id 52
    unicast_peer {
        192.0.2.1
    }
    virtual_ipaddress {
        198.51.100.10
    }
    track_script {
        writable
        text
    }
    notify_master "%(folder)s/writable"
}
"""


EXPECTED = [
    'keepalived.conf:7:10: warning: user: there is no user nobody_of_that_name',
    'keepalived.conf:10:12: warning: vrrp_script text is not tracked: FOLDER/text is not executable (mode 0644)',
    'keepalived.conf:13:15: error: interface eth7 of VI_1 does not exist',
    'keepalived.conf:23:9: warning: VI_2: unicast peer 192.0.2.1 is an address of this host (eth0): it would hear itself; name the other routers only',
    'keepalived.conf:26:9: warning: VI_2: 198.51.100.10 is in no network of eth0; eth1 has 198.51.100.1/24: write dev eth1 behind it',
    'keepalived.conf:32:19: warning: FOLDER/writable runs as root, so it will not run: everybody may write FOLDER/writable (mode 0777); take the permission away, or give the script a user of its own (script_user)',
]


@pytest.mark.skipif(os.getuid() != 0, reason="a network namespace of its own needs root")
def test_what_this_host_makes_wrong(tmp_path):
    folder = Path(tempfile.mkdtemp(prefix="xd-", dir="/var/lib"))  # up to here everything belongs to root
    try:
        for name, mode in {"writable": 0o777, "text": 0o644}.items():
            (folder / name).write_text("#!/bin/sh\n")
            (folder / name).chmod(mode)
        folder.chmod(0o755)
        path = tmp_path / "keepalived.conf"
        path.write_text(ASKS_THE_HOST % {"folder": folder})
        done = subprocess.run(["unshare", "--net", "sh", "-ec", HOST, "sh", XDIRECTOR, "check", path], capture_output=True, text=True, timeout=30)
        said = done.stdout.replace(str(folder), "FOLDER").splitlines()
    finally:
        shutil.rmtree(folder)
    assert [line for line in said if "warning:" in line or "error:" in line] == EXPECTED
    assert said[-1].endswith("1 errors, 5 warnings") and done.returncode == 5
    # The same file for another machine: nothing to object to.
    assert check(path)[0] == 0


@pytest.mark.parametrize("text, status, usable", [
    (GOOD, 0, True),
    (GOOD + "rubbish\n", 5, True),
    (GOOD + "vrrp_instance B {\n}\n", 5, False),
    (GOOD + "vrrp_instance B {\n interface eth0\n virtual_router_id\n}\n", 2, False),
    (GOOD + "includem missing.conf\n", 6, False),
])
def test_ends_as_keepalived(tmp_path, text, status, usable):
    path = tmp_path / "keepalived.conf"
    path.write_text(text)
    assert check(path)[0] == status
    code, said = check(path, "-j")
    assert (code, json.loads(said)["ok"]) == (status, usable)


def test_lines_for_other_nodes_count_as_the_daemon_counts_them(tmp_path):
    path = tmp_path / "keepalived.conf"
    path.write_text(GOOD.replace("7", "7\n @west priority 300\n @^west priority 99"))
    assert "priority 300 is outside" in check(path, "-i", "west")[1]
    assert check(path, "--config-id", "east")[0] == 0
    printed = subprocess.run([XDIRECTOR, "conf", "print", "-i", "east", path], capture_output=True, text=True, timeout=30)
    assert "priority 99" in printed.stdout


def test_programs_hear_what_people_read(tmp_path):
    path = tmp_path / "keepalived.conf"
    path.write_text("$P=999\n" + GOOD.replace("7", "7\n prioritty 3\n priority ${P}"))
    answer = json.loads(check(path, "-j")[1])
    misspelt, out_of_range = answer["diagnostics"]
    assert (answer["errors"], answer["warnings"]) == (0, 2)
    assert misspelt["hint"] == "did you mean 'priority'?"
    assert (out_of_range["place"]["line"], out_of_range["place"]["column"], out_of_range["place"]["length"]) == (6, 11, 4)
    assert [note["message"] for note in out_of_range["notes"]] == [
        "in vrrp_instance A", "after replacement the line reads: priority 999", "$P is defined here"]
    text = check(path)[1]
    for found in answer["diagnostics"]:
        assert f"{path.name}:{found['place']['line']}:{found['place']['column']}: {found['severity']}: {found['message']}" in text


def test_a_word_that_is_no_verb_is_named():
    for words, told in (("nosuch", "there is no 'nosuch'; xdirector --help"), ("conf nosuch", "there is no 'nosuch'; xdirector conf --help"),
                        ("check", "FILE is required"), ("check --nope FILE", "--nope")):
        done = subprocess.run([XDIRECTOR, *words.split()], capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and told in done.stderr
