"""A lab: machines and switches made of Linux namespaces.

    with Lab("backup_takes_over") as lab:
        lan = lab.switch("lan")
        r1 = lab.node("r1").join(lan, "eth0", "192.168.0.1/24")
        r1.run("ip addr show")

A Node looks like a machine of its own: its own network, processes, host name, /proc, /sys with a bpffs, and /run. What it
shares with the host are the files of the disk and the kernel. All its processes can be killed at once, as a power cut does.

A Switch is a bridge in a namespace of its own. Its ports have GRO on: that gives a veth the receive path (NAPI) without
which it would drop the frames that an XDP program at the other end transmits. Everything else is left at the kernel's defaults.

Every command is printed with the namespace it ran in in front, so that the log of a failed test can be replayed by hand. Names of
namespaces carry the lab's name and the process that made them; what a killed run left behind is removed by the next one.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from . import xdp_pass
from .netns import inside
from .wait import wait_for

PREFIX = "xdlab"


def note(text):
    """Where the commands are written; the demo sends them to a file instead."""
    print(text, flush=True)



class CommandFailed(AssertionError):
    pass


def words(command):
    return shlex.split(command) if isinstance(command, str) else [str(word) for word in command]


def run(command, where="", check=True, timeout=60, enter=(), **options):
    """Runs a command to its end and returns its output (stdout; both in the failure)."""
    command = words(command)
    note(f"[{where}]$ {shlex.join(command)}")
    done = subprocess.run([*enter, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=timeout, errors="replace", **options)
    if check and done.returncode != 0:
        raise CommandFailed(f"[{where}] {shlex.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout if check else done


class Process:
    """A process started in a node and left running. Signals go to it, not to the nsenter in front of it."""

    def __init__(self, node, command, log, environment=None):
        self.node, self.command, self.log = node, words(command), Path(log)
        note(f"[{node.name}]$ {shlex.join(self.command)} &   # log: {log}")
        with open(log, "ab") as out:
            self.entry = subprocess.Popen([*node.enter, *self.command], stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, env={**node.environment, **(environment or {})},
                                          start_new_session=True)
        self.pid = wait_for(self._find, f"{self.command[0]} to start in {node.name}", timeout=5, step=0.001)

    def _find(self):
        try:
            children = Path(f"/proc/{self.entry.pid}/task/{self.entry.pid}/children").read_text().split()
        except OSError:
            children = []
        return int(children[0]) if children else self.entry.pid if self.entry.poll() is not None else None

    def running(self):
        return self.entry.poll() is None

    def send(self, number):
        note(f"[{self.node.name}]$ kill -{signal.Signals(number).name[3:]} {Path(self.command[0]).name}")
        os.kill(self.pid, number)

    def wait(self, timeout=15):
        try:
            return self.entry.wait(timeout)
        except subprocess.TimeoutExpired:
            raise CommandFailed(f"[{self.node.name}] {self.command[0]} did not end within {timeout} s") from None

    def stop(self, number=signal.SIGTERM, timeout=15):
        """Asks it to end and waits until it has; returns its exit status as nsenter passes it on."""
        if self.running():
            self.send(number)
        return self.wait(timeout)

    def text(self):
        return self.log.read_text(errors="replace")


class Node:
    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.namespace = f"{lab.name}-{name}"
        self.directory = lab.directory / name
        self.directory.mkdir()
        self.environment = {**os.environ, "TMPDIR": str(self.directory)}
        self.environment.pop("NOTIFY_SOCKET", None)
        self.ports = {}      # device -> (Switch, port)
        self.addresses = []  # (device, address)
        self.services = 0
        lab.root_run(f"ip netns add {self.namespace}")
        # The holder is process 1 of the node. It ignores SIGCHLD, so that orphans leave no zombies behind.
        setup = (
            f"hostname {name}; mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t bpf bpf /sys/fs/bpf;"
            "mount -t tmpfs tmpfs /run; exec env --ignore-signal=CHLD sleep infinity"
        )
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/run/netns/{self.namespace}", "unshare", "--mount",
             "--pid", "--uts", "--fork", "--kill-child", "sh", "-ec", setup],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        self.init = int(wait_for(self._ready, f"node {name}", timeout=30, step=0.002))
        self.enter = ["nsenter", "-t", str(self.init), "--net", "--mount", "--pid", "--uts", "--"]
        note(f"# {name}: enter it with  {shlex.join(self.enter)} bash")
        self.run("ip link set lo up")

    def _ready(self):
        if self.holder.poll() is not None:
            raise CommandFailed(f"node {self.name}: its first process ended with status {self.holder.returncode}")
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()
        return children[0] if children and Path(f"/proc/{children[0]}/comm").read_text() == "sleep\n" else None

    def join(self, switch, device, *addresses, mac=None):
        """Plugs a new interface into the switch. Returns the node, so that a topology reads as one line per machine."""
        port = f"{self.name}.{device}"[:15]
        self.lab.root_run(f"ip link add {device} netns {self.namespace} {'address ' + mac if mac else ''} type veth "
                          f"peer name {port} netns {switch.namespace}")
        switch.run(f"ethtool -K {port} gro on")
        switch.run(f"ip link set {port} master {switch.bridge} up")
        self.ports[device] = (switch, port)
        self.run(f"ip link set {device} up")
        for address in addresses:
            self.addresses.append((device, address))
            self.run(f"ip addr add {address} dev {device}")
        wait_for(lambda: Path(f"/proc/{self.init}/root/sys/class/net/{device}/operstate").read_text() == "up\n",
                 f"carrier of {device} in {self.name}")
        return self

    def route(self, destination, via):
        self.run(f"ip route replace {destination} via {via}")
        return self

    def run(self, command, **options):
        return run(command, where=self.name, enter=self.enter, env=self.environment, **options)

    def start(self, command, log=None):
        self.services += 1
        name = Path(words(command)[0]).name
        return Process(self, command, log or self.directory / f"{self.services}-{name}.log")

    def mac(self, device):
        return Path(f"/proc/{self.init}/root/sys/class/net/{device}/address").read_text().strip()

    def holds(self, address):
        """Whether one of the interfaces has this address now. Quiet: it is called in loops."""
        shown = subprocess.run([*self.enter, "ip", "-j", "addr", "show"], capture_output=True, text=True, check=True)
        return any(info.get("local") == address for link in json.loads(shown.stdout) for info in link.get("addr_info", []))

    def own(self, folder):
        """From now on the node has its own version of this folder: what it writes there is seen by nobody else."""
        place = f"/run/own{folder.replace('/', '-')}"
        self.run(f"mkdir -p {place}/upper {place}/work")
        self.run(f"mount -t overlay own -o lowerdir={folder},upperdir={place}/upper,workdir={place}/work {folder}")

    def write(self, path, text, mode=0o644):
        """Writes a file as the node sees it: in a folder of its own."""
        there = Path(f"/proc/{self.init}/root{path}")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(text)
        there.chmod(mode)

    def kill_everything(self):
        """SIGKILL to every process of the node in one call of the kernel: nobody gets to react to the death of another."""
        self.run(["sh", "-c", "kill -9 -1"])

    def unplug(self, device="eth0"):
        switch, port = self.ports[device]
        switch.run(f"ip link set {port} down")

    def plug(self, device="eth0"):
        switch, port = self.ports[device]
        switch.run(f"ip link set {port} up")
        wait_for(lambda: Path(f"/proc/{self.init}/root/sys/class/net/{device}/operstate").read_text() == "up\n",
                 f"carrier of {device} in {self.name}")

    def make_peers_receive(self):
        """For XDP_TX in native mode: see xdp_pass.py. It costs the node its segmentation offload, so it is not the default."""
        for switch, port in self.ports.values():
            note(f"# an XDP program that passes everything on {port} of {switch.name}")
            link = inside(switch.namespace, lambda port=port: xdp_pass.attach(socket.if_nametoindex(port)))
            self.lab.at_close(lambda link=link: os.close(link))

    def power_off(self):
        """As a power cut: the processes are gone and so is the carrier on every wire, at (nearly) the same moment."""
        self.kill_everything()
        for device in self.ports:
            self.unplug(device)

    def power_on(self):
        """The node is back as after a boot: its own addresses and nothing else."""
        for device in self.ports:
            self.run(f"ip addr flush dev {device}")
            for owner, address in self.addresses:
                if owner == device:
                    self.run(f"ip addr add {address} dev {device}")
            self.plug(device)

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Switch:
    def __init__(self, lab, name):
        self.lab, self.name, self.bridge = lab, name, f"br-{name}"
        self.namespace = f"{lab.name}-{name}"
        lab.root_run(f"ip netns add {self.namespace}")
        self.run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1")  # a switch does not speak
        self.run(f"ip link add {self.bridge} type bridge mcast_snooping 0")
        self.run(f"ip link set {self.bridge} up")

    def run(self, command, **options):
        return run(command, where=self.name, enter=["ip", "netns", "exec", self.namespace], **options)


class Lab:
    """Owns what it makes and removes all of it, also when the test failed, timed out or was interrupted."""

    def __init__(self, name, directory=None):
        self.name = f"{PREFIX}-{os.getpid()}-{name}"
        self.directory = Path(directory or tempfile.mkdtemp(prefix="xdlab."))
        self.keeps_directory = directory is not None
        self.nodes, self.switches, self.closing = {}, {}, []

    def __enter__(self):
        sweep()
        return self

    def __exit__(self, *_):
        self.close()

    def root_run(self, command):
        return run(command, where="host")

    def node(self, name):
        assert name not in self.nodes
        # Entered before it is made, so that a half-made node is cleaned up as well.
        self.nodes[name] = None
        self.nodes[name] = Node(self, name)
        return self.nodes[name]

    def switch(self, name):
        self.switches[name] = None
        self.switches[name] = Switch(self, name)
        return self.switches[name]

    def at_close(self, function):
        self.closing.append(function)

    def close(self):
        for function in [*reversed(self.closing), *(node.close for node in self.nodes.values() if node)]:
            try:
                function()
            except Exception as error:  # the rest must go too
                print(f"# clean-up: {error}", file=sys.stderr)
        for name in [*self.nodes, *self.switches]:
            subprocess.run(["ip", "netns", "del", f"{self.name}-{name}"], stderr=subprocess.DEVNULL, check=False)
        if not self.keeps_directory:
            shutil.rmtree(self.directory, ignore_errors=True)
        self.nodes, self.switches, self.closing = {}, {}, []


_swept = threading.Event()


def sweep():
    """Removes namespaces of labs whose process is gone. Their nodes' processes died with it."""
    if _swept.is_set():
        return
    _swept.set()
    for entry in Path("/run/netns").glob(f"{PREFIX}-*"):
        maker = entry.name.split("-")[1]
        if maker.isdigit() and not Path(f"/proc/{maker}").exists():
            subprocess.run(["ip", "netns", "del", entry.name], stderr=subprocess.DEVNULL, check=False)
