"""
    r1 ── lan

The unit file under a systemd of its own: the service is up when it serves, a reload is a reload, a parent that was killed comes back to its
children while the address stays, and a stopped service leaves nothing.
"""

from pathlib import Path

import pytest

from lib.daemon import ROOT, UNDER_TEST
from lib.net import Process
from lib.pairs import RouterPair, instance
from lib.wait import wait_for

FIRST, SECOND = "192.0.2.10", "192.0.2.11"
INIT = "/lib/systemd/systemd"


class Systemd:
    """A systemd that is process 1 of a process namespace in a node, with the project's unit and nothing else to run."""

    def __init__(self, node, arguments):
        self.node = node
        node.run("mkdir -p /run/systemd/system/xdirector.service.d /usr/local/sbin /sys/fs/cgroup")
        node.run("mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        node.run(["ln", "-sf", UNDER_TEST, "/usr/local/sbin/xdirectord"])
        node.run(["cp", ROOT / "scripts/packaging/systemd/xdirector.service", "/run/systemd/system"])
        # No unit of this machine is known, least of all the one that empties /tmp; these must be there.
        for target in ("lab", "sysinit", "basic", "shutdown"):
            node.run(["sh", "-c", f"echo '[Unit]' > /run/systemd/system/{target}.target"])
        defaults, drop_in = node.directory / "defaults", node.directory / "lab.conf"
        defaults.write_text(f"DAEMON_ARGS='{arguments}'\n")
        # There is no journal to write to.
        drop_in.write_text(f"[Service]\nEnvironmentFile={defaults}\nStandardOutput=append:{node.directory / 'daemon.log'}\n")
        node.run(["cp", drop_in, "/run/systemd/system/xdirector.service.d"])
        self.process = Process(node, ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child", "env", "container=lab",
                                      "SYSTEMD_UNIT_PATH=/run/systemd/system", INIT, "--unit=lab.target", "--show-status=no"], node.directory / "systemd.log")
        wait_for(lambda: node.run("test -S /run/systemd/private", check=False).returncode == 0, "systemd answers", 60)

    def ctl(self, *words):
        """It only answers to whom it sees in its own process namespace."""
        pid = self.node.run("pgrep -x systemd").split()[0]
        return self.node.run(["nsenter", "-t", pid, "--pid", "--mount", "systemctl", *words], timeout=90)

    def shown(self, what):
        return self.ctl("show", "-P", what, "xdirector").strip()

    def processes(self):
        """Of the service: (pid in this node, command line)."""
        return [line.split(maxsplit=1) for line in self.node.run(["sh", "-c", "ps -o pid=,args= -C xdirectord || :"]).splitlines()]


def child_of(systemd, role):
    return next((int(pid) for pid, command in systemd.processes() if f"--role={role}" in command), None)


def config(*vips):
    return instance(version=3, advert=0.2, priority=200, vips=[f"{vip}/24" for vip in vips])


@pytest.fixture
def service(lab):
    pair = RouterPair(lab, count=1)
    router = pair.routers[0]
    path = router.directory / "keepalived.conf"
    path.write_text(config(FIRST))
    return router, path, Systemd(router, f"-f {path} -l -G")


@pytest.mark.skipif(not Path(INIT).exists(), reason="systemd is not installed")
def test_systemd_service(service):
    router, path, systemd = service
    systemd.ctl("start", "xdirector")
    assert systemd.shown("ActiveState") == "active"
    wait_for(lambda: router.holds(FIRST), "the service serves", 60)
    wait_for(lambda: systemd.shown("StatusText") == "1 instance: 1 master", "the status line", 60)

    path.write_text(config(FIRST, SECOND))
    main = systemd.shown("MainPID")
    systemd.ctl("reload", "xdirector")
    wait_for(lambda: router.holds(SECOND), "the new address", 60)
    assert router.holds(FIRST) and systemd.shown("MainPID") == main

    child = child_of(systemd, "vrrp")
    systemd.ctl("kill", "--kill-whom=main", "--signal=KILL", "xdirector")
    wait_for(lambda: systemd.shown("NRestarts") == "1" and systemd.shown("ActiveState") == "active", "systemd starts it again", 90)
    assert child_of(systemd, "vrrp") == child, "the child has outlived its parent"
    assert router.holds(FIRST) and router.holds(SECOND)

    systemd.ctl("stop", "xdirector")
    assert systemd.shown("ActiveState") == "inactive"
    wait_for(lambda: not systemd.processes(), "no process is left", 60)
    assert not router.holds(FIRST) and not router.holds(SECOND)
