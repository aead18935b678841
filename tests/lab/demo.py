#!/usr/bin/python3
"""The demo behind scripts/demo: two directors, three web servers and a client, each a network namespace on this machine."""

import argparse
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lib import net  # noqa: E402
from lib.capture import Capture  # noqa: E402
from lib.daemon import CTL, UNDER_TEST, Daemon  # noqa: E402
from lib.directors import VIP, NatDirectors  # noqa: E402
from lib.wait import wait_for  # noqa: E402
from lib.web import Requests, ask  # noqa: E402

LIMIT = 180  # seconds; nothing here may hang

PICTURE = """
    client ──── outside ────┬── d1 ──┬──── inside ────┬── web1
    10.23.8.100             └── d2 ──┘                ├── web2    nginx, default route 172.18.1.254
                                                      └── web3
    service 10.23.8.80:80, NAT, round robin
"""

# The file that d2 runs is the same with the lower priority: as with keepalived.
CONFIG = """\
! The demo's director
global_defs {
    router_id %(name)s
}

vrrp_sync_group VG {
    group {
        OUTSIDE
        INSIDE
    }
}

vrrp_instance OUTSIDE {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority %(priority)d
    version 3
    advert_int 0.1
    virtual_ipaddress {
        10.23.8.80/24
    }
}

vrrp_instance INSIDE {
    state BACKUP
    interface eth1
    virtual_router_id 51
    priority %(priority)d
    version 3
    advert_int 0.1
    virtual_ipaddress {
        172.18.1.254/24
    }
}

virtual_server 10.23.8.80 80 {
    delay_loop 1
    warmup 0
    lb_algo rr
    lb_kind NAT
    protocol TCP
%(servers)s}
"""

SERVER = """
    real_server 172.18.1.1%d 80 {
        HTTP_GET {
            url {
                path /health
                status_code 200
            }
            connect_timeout 1
            retry 1
            delay_before_retry 1
        }
    }
"""


def config(name):
    servers = "".join(SERVER % number for number in (1, 2, 3))
    return CONFIG % {"name": name, "priority": 150 if name == "d1" else 100, "servers": servers}


class Demo:
    def __init__(self, site):
        self.site = site
        self.wire = Capture(site.wire)
        self.steps = 0

    def step(self, title):
        self.steps += 1
        print(f"\n{self.steps}. {title}", flush=True)

    def say(self, text):
        print(textwrap.indent(text.rstrip(), "   "), flush=True)

    def show(self, node, words, lines=None):
        """Runs a command of the operator's and shows it with what it says."""
        text = node.run(words).rstrip("\n").splitlines()
        cut = text[:lines] + [f"... ({len(text) - lines} lines more)"] if lines and len(text) > lines else text
        command = " ".join(str(word) for word in words).replace(CTL, "xdirector")
        self.say(f"[{node.name}]# {command}\n" + "\n".join(cut))

    def start(self):
        self.step("Both directors start on the same keepalived.conf; d1 has the higher priority")
        begin = time.monotonic()
        self.site.start(config)
        self.site.wait_master("d1")
        self.say(f"d1 is master and holds {VIP} after {time.monotonic() - begin:.1f} s; d2 is backup")
        wait_for(lambda: set(ask(self.site.client, VIP)) <= set(self.site.webs), "the first answer through the director", 20)

    def balance(self):
        self.step("The client asks 30 times")
        self.say(self.shares())

    def shares(self, count=30):
        return ", ".join(f"{name}: {number}" for name, number in sorted(ask(self.site.client, VIP, count=count).items()))

    def lose_a_server(self):
        self.step("nginx on web2 is killed, and comes back")
        web2 = self.site.webs["web2"]
        web2.process.stop(signal.SIGKILL)
        begin = time.monotonic()
        wait_for(lambda: set(ask(self.site.client, VIP, count=6)) == {"web1", "web3"}, "web2 to leave the service", 30)
        self.say(f"its check failed and web2 left the service within {time.monotonic() - begin:.1f} s; 30 requests: {self.shares()}")
        web2.start()
        begin = time.monotonic()
        wait_for(lambda: "web2" in ask(self.site.client, VIP, count=6), "web2 to return to the service", 30)
        self.say(f"web2 is back in the service after {time.monotonic() - begin:.1f} s; 30 requests: {self.shares()}")

    def look(self):
        d1 = self.site.node("d1")
        self.step("What the director says about itself")
        self.show(d1, [CTL, "status"])
        self.step("What the packet path did with each packet")
        self.show(d1, [CTL, "reasons"])
        self.step("The packet path's own tables, pinned for everybody to read")
        self.show(d1, ["ls", "/sys/fs/bpf/xdirector"])
        self.show(d1, ["bpftool", "map", "dump", "pinned", "/sys/fs/bpf/xdirector/xd_services"], lines=40)

    def lose_a_director(self):
        self.step("d1 loses its power while the client asks without pause")
        requests = Requests(self.site.client, VIP, pause=0.002, timeout=0.05).start()
        requests.wait_for_more(100)
        mark, since = requests.mark(), self.wire.mark()
        d1 = self.site.node("d1")
        d1.power_off()
        taken = self.wire.wait_advert(since=since, source="10.23.8.2")
        last = self.wire.adverts(source="10.23.8.1")[-1]
        requests.wait_until_served()
        after = requests.wait_for_more(90)
        answered = ", ".join(f"{name}: {number}" for name, number in sorted(requests.served(after).items()))
        self.say(f"d2 heard d1 last, waited its master-down time and spoke {(taken.time - last.time) / 1e6:.1f} ms later\n"
                 f"the client was without an answer for {requests.longest_silence(mark) * 1000:.0f} ms; "
                 f"{len(requests.lost(mark))} requests were lost\n"
                 f"answered since then: {answered}")

        self.step("d1 returns and, having the higher priority, becomes master again")
        mark = requests.mark()
        d1.power_on()
        self.site.daemons["d1"] = Daemon(d1, config("d1")).start()
        self.site.wait_master("d1")
        requests.wait_for_more(100)
        self.say(f"d1 holds {VIP}; the longest time without an answer was {requests.longest_silence(mark) * 1000:.0f} ms; "
                 f"{len(requests.lost(mark))} requests were lost")
        requests.stop()

    def stay(self):
        self.step("It stays as it is until Ctrl-C. In another terminal:")
        for node in (*self.site.directors, self.site.client, *self.site.servers):
            self.say(f"{node.name:7} {' '.join(node.enter)} bash")
        self.say(f"\nin d1:      {CTL} status\nin client:  curl http://{VIP}/\nlogs and configurations: {self.site.lab.directory}")
        signal.alarm(0)
        while True:
            signal.pause()


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C, and say how to enter it")
    arguments = parser.parse_args()

    def out_of_time(*_):
        raise AssertionError(f"the demo took longer than {LIMIT} s")

    def stopped(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGTERM, stopped)
    signal.alarm(LIMIT)

    with tempfile.TemporaryDirectory(prefix="xdirector-demo.") as directory, open(f"{directory}/commands.log", "w") as commands:
        net.note = lambda text: print(text, file=commands, flush=True)
        with net.Lab("demo", directory) as lab:
            try:
                print(f"Making six machines out of network namespaces; the daemon is {UNDER_TEST}\n{PICTURE}", end="", flush=True)
                demo = Demo(NatDirectors(lab))
                demo.start()
                demo.balance()
                demo.lose_a_server()
                demo.look()
                demo.lose_a_director()
                if arguments.keep:
                    demo.stay()
            except KeyboardInterrupt:
                print("\nstopped", flush=True)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                print(f"\nThe demo ends here: {error}", file=sys.stderr)
                for name in ("d1", "d2"):
                    log = lab.directory / name / "daemon.log"
                    if log.exists():
                        tail = log.read_text(errors="replace").splitlines()[-25:]
                        print(f"\n{name} said last:\n" + "\n".join(tail), file=sys.stderr)
                return 1
            print("\nCleaning up.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
