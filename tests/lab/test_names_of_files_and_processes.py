"""
    r1 ── lan

instance, use_pid_dir, data_use_instance and process_names: pid files, dump files and processes are called what keepalived calls them.
"""

import signal

import pytest

from lib.daemon import UNDER_TEST
from lib.net import Process
from lib.pairs import RouterPair, instance
from lib.wait import wait_for

INSTANCE = "instance foo\nglobal_defs {\n    data_use_instance\n    process_names\n}\n"
FOLDER = "use_pid_dir\nglobal_defs {\n    process_name aaa\n    vrrp_process_name bbb\n}\n"


@pytest.mark.parametrize(("words", "suffix", "titles"), [(INSTANCE, "_foo", ["keepalived", "keepalived_vrrp"]), (FOLDER, "", ["aaa", "bbb"])])
def test_names_are_those_of_keepalived(lab, words, suffix, titles):
    r1 = RouterPair(lab, count=1).routers[0]
    config = r1.directory / "named.conf"
    config.write_text(words + instance(version=3, advert=0.2))
    dumps = r1.directory / "dumps"
    dumps.mkdir()
    daemon = Process(r1, [UNDER_TEST, "-n", "-l", "-G", "-f", config], r1.directory / "daemon.log", {"TMPDIR": str(dumps)})

    def pid(name):
        return r1.run(f"cat /run/keepalived/{name}{suffix}.pid", check=False).stdout.strip()

    wait_for(lambda: pid("keepalived") and pid("vrrp"), "both pid files")

    def comms():
        return [r1.run(f"cat /proc/{pid(name)}/comm", check=False).stdout.strip() for name in ("keepalived", "vrrp")]

    wait_for(lambda: comms() == titles, f"processes called {titles}")
    wait_for(lambda: r1.holds("192.0.2.10"), "the address")
    daemon.send(signal.SIGUSR1)
    daemon.send(signal.SIGUSR2)
    part = ".foo" if suffix else ""
    expected = {f"keepalived{part}.data", f"keepalived_parent{part}.data", "keepalived.stats"}
    wait_for(lambda: expected <= {path.name for path in dumps.iterdir()}, f"{expected}")
    daemon.stop()
    assert not pid("keepalived") and not pid("vrrp")
