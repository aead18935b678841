"""Director daemons in a node: the one under test, and Debian's keepalived as the peer it must live with.

Which one is under test comes from $XD_DAEMON: the path of a program that takes keepalived's options, by default the built
xdirectord. XD_DAEMON=keepalived runs the VRRP scenarios against keepalived itself, which shows whether a failure is the lab's.
"""

import os
import signal
import time
from pathlib import Path

from . import net
from .wait import wait_for

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("XD_BUILD_DIR", ROOT / "build"))
UNDER_TEST = os.environ.get("XD_DAEMON") or str(BUILD / "userspace/daemon/xdirectord")
CTL = os.environ.get("XD_CTL") or str(BUILD / "userspace/ctl/xdirector")
KEEPALIVED = "/usr/sbin/keepalived"


def is_keepalived(program):
    return Path(program).name == "keepalived"


class Daemon:
    """One daemon in a node. Every pid in here is the host's."""

    def __init__(self, node, config, program=None, options=(), environment=None):
        self.node = node
        self.program = program or UNDER_TEST
        self.options = list(options)
        self.environment = environment or {}
        self.config = node.directory / "keepalived.conf"
        self.config.write_text(config)
        self.pid_files = {role: node.directory / f"{role}.pid" for role in ("parent", "vrrp", "checkers")}
        self.process = None
        self.log = node.directory / "daemon.log"

    def start(self):
        # -G: no syslog. There is no reader on /dev/log in a namespace, and the lab reads the console (-l).
        self.process = net.Process(
            self.node,
            [self.program, "-n", "-l", "-D", "-G", "-f", self.config, "-p", self.pid_files["parent"], "-r",
             self.pid_files["vrrp"], "-c", self.pid_files["checkers"], *self.options], self.log, self.environment)
        return self

    def pid(self, role="parent"):
        """The process of a role; None when there is no such process now."""
        try:
            inner = int(self.pid_files[role].read_text())
        except (OSError, ValueError):
            return None
        space = os.readlink(f"/proc/{self.node.init}/ns/pid")
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(entry / "ns/pid") != space:
                    continue
                status = (entry / "status").read_text()
            except OSError:
                continue
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
            if int(numbers[-1]) == inner:
                return None if "\nState:\tZ" in status else int(entry.name)
        return None

    def wait_ready(self, *roles):
        for role in roles or ("parent",):
            wait_for(lambda r=role: self.pid(r), f"the {role} process of {self.node.name}")
        return self

    def send(self, number, role="parent"):
        net.note(f"[{self.node.name}]$ kill -{signal.Signals(number).name[3:]} $(cat {self.pid_files[role]})")
        os.kill(self.pid(role), number)

    def kill_role(self, role):
        """SIGKILL to one child, and wait for its successor. Returns how long the role was without a process, in seconds."""
        old = self.pid(role)
        assert old, f"no {role} process in {self.node.name}"
        self.send(signal.SIGKILL, role)
        begin = time.monotonic()
        wait_for(lambda: self.pid(role) not in (None, old), f"a new {role} process in {self.node.name}", 20, 0.002)
        return time.monotonic() - begin

    def stop(self, timeout=15):
        return self.process.stop(signal.SIGTERM, timeout)

    def reload(self, config=None):
        if config is not None:
            self.config.write_text(config)
        self.send(signal.SIGHUP)

    def running(self):
        return self.process is not None and self.process.running()

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_log(self, words, timeout=15, since=0):
        wait_for(lambda: words in self.text()[since:], f"'{words}' in the log of {self.node.name}", timeout, 0.01)

    def mark(self):
        return len(self.text())
