"""xdirector check: the same findings for people and, with -j, for programs; it ends as keepalived -t does."""

import json
import subprocess

import pytest

from lib.compilers import CONF_CHECK

XDIRECTOR = CONF_CHECK.parents[2] / "userspace/ctl/xdirector"
pytestmark = pytest.mark.skipif(not XDIRECTOR.exists(), reason="xdirector is not built")

GOOD = "vrrp_instance A {\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n  10.1.0.5/24\n }\n}\n"


def check(path, *options):
    done = subprocess.run([XDIRECTOR, *options, "check", path], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout


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
