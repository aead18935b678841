"""
    r1 ── lan

Without -n the command ends with 0 when the daemon is at work, and nothing of the daemon holds its output open: who reads that (ssh, Ansible,
`$(...)`) sees the end of it.
"""

from lib.daemon import UNDER_TEST
from lib.pairs import RouterPair, instance
from lib.wait import wait_for


def test_command_ends_when_the_daemon_is_up(lab):
    r1 = RouterPair(lab, count=1).routers[0]
    config = r1.directory / "keepalived.conf"
    config.write_text(instance(version=3, advert=0.2))
    r1.run([UNDER_TEST, "-G", "-f", config])  # reads both outputs to their end, and gives up after a minute
    wait_for(lambda: r1.holds("192.0.2.10"), "the address", 30)
    pid = r1.run("cat /run/keepalived.pid").strip()
    r1.run(f"kill {pid}")
    wait_for(lambda: not r1.holds("192.0.2.10"), "the address gone", 30)
    wait_for(lambda: r1.run("ls /run/keepalived.pid", check=False).returncode != 0, "the pid file gone", 30)
