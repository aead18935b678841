"""
    ka    runs Debian's keepalived        each alone in its network, with every address of the files on lo
    xd    runs xdirectord, engine ipvs

Both are given the same files, one after the other by SIGHUP. After each, `ipvsadm -Sn` says the same in both, and so do the timeouts.
Servers go down and come up (their checkers ask a port of the node itself), between reloads. What others put into the table before
stays, or becomes part of a service of ours.
"""

import difflib

from lib.daemon import CTL, KEEPALIVED, Daemon
from lib.wait import Timeout, wait_for

# Not twos: Debian's kernel does not have it.
SCHEDULERS = "rr wrr lc wlc lblc lblcr sh dh sed nq mh fo ovf".split()

XD = "xdirector {\n    engine ipvs\n}\n"


def server(address, *lines, port=80):
    port = "" if port is None else port
    return f"  real_server {address} {port} {{\n" + "".join(f"    {line}\n" for line in lines) + "  }\n"


def service(where, *lines, algo="rr", kind="NAT", protocol="TCP", servers=None):
    head = [f"lb_algo {algo}", f"lb_kind {kind}"] + ([f"protocol {protocol}"] if protocol else [])
    text = f"virtual_server {where} {{\n" + "".join(f"  {line}\n" for line in (*head, *lines))
    servers = servers or [server("10.0.1.1", "weight 1"), server("10.0.1.2", "weight 2"), server("10.0.1.3", "weight 3")]
    return text + "".join(servers) + "}\n"


def checked(address, port, *lines, **options):
    return server(address, *lines, f"TCP_CHECK {{\n connect_ip 127.0.0.1\n connect_port {port}\n connect_timeout 1\n }}", **options)


CHECKS = ("delay_loop 1", "retry 1", "delay_before_retry 1", "warmup 0")
V6_SERVERS = [server("2001:db8::11", "weight 1"), server("2001:db8::12", "weight 5")]
TUNNELS = ("TUN", "TUN type ipip", "TUN type gue port 6080", "TUN type gue port 6081 csum", "TUN type gue port 6082 remcsum", "TUN type gre",
           "TUN type gre csum", "TUN type gre nocsum")

# Each step: what it is about, and the file.
SCHEDULING = "".join(service(f"10.0.0.{n} 80", algo=algo) for n, algo in enumerate(SCHEDULERS, 1))
FLAGS = "".join(
    service(f"10.0.0.{n} 81", *lines, algo=algo)
    for n, (algo, *lines) in enumerate((("sh", "sh-port"), ("sh", "sh-fallback"), ("sh", "sh-port", "sh-fallback"), ("mh", "mh-port"),
                                        ("mh", "mh-port", "mh-fallback"), ("rr", "flag-1"), ("rr", "flag-2", "flag-3"), ("sh", "hashed")), 1))
PERSISTENCE = (
    service("10.0.0.1 82", "persistence_timeout 600") + service("10.0.0.2 82", "persistence_timeout") +
    service("10.0.0.3 82", "persistence_granularity 255.255.255.0") +
    service("10.0.0.4 82", "persistence_timeout 30", "persistence_granularity 255.255.0.0") +
    service("2001:db8::1 82", "persistence_timeout 30", "persistence_granularity 64", servers=V6_SERVERS) +
    service("10.0.0.5 5060", "persistence_timeout 30", "persistence_engine sip", protocol="UDP") +
    service("10.0.0.6 53", "ops", protocol="UDP") + service("10.0.0.7 9", protocol="SCTP", algo="wlc"))
METHODS = (
    "".join(service(f"10.0.0.{n} 83", kind=kind) for n, kind in enumerate(("NAT", "DR", *TUNNELS), 1)) +
    service("10.0.0.20 83", servers=[server("10.0.1.1", port=8080), server("10.0.1.2", "lvs_method DR"),
                                     server("10.0.1.3", "lvs_method TUN type gue port 6083")]) +
    service("10.0.0.21 83", kind="DR", servers=[server("10.0.1.1", port=8080), server("10.0.1.2", port=None)]) +
    service("10.0.0.22 83", kind="TUN", servers=[server("2001:db8::11"), server("10.0.1.2")]) +
    service("2001:db8::2 83", kind="TUN", servers=[server("10.0.1.2"), server("2001:db8::12")]) +
    service("2001:db8::3 83", kind="DR", servers=V6_SERVERS) + service("2001:db8::4 83", protocol="UDP", servers=V6_SERVERS) +
    service("10.0.0.23 83", servers=[server("10.0.1.1", "weight 0"), server("10.0.1.2", "uthreshold 100", "lthreshold 80"),
                                     server("10.0.1.3", "weight 65535", "uthreshold 7")]))
MARKS_AND_GROUPS = """
virtual_server_group G1 {
  10.0.0.1 84
  10.0.0.3-5 84
  10.0.2.8/30 85
  2001:db8::10-12 84
  fwmark 7 inet
}
virtual_server_group G2 {
  10.0.0.9 86
  10.0.0.9 87
}
virtual_server_group G3 {
  fwmark 8
  fwmark 9
}
""" + (service("group G1", kind="TUN") + service("group G2", kind="DR", servers=[server("10.0.1.1", port=None)]) +
       service("group G3", kind="DR", protocol=None) + service("fwmark 1", protocol=None, kind="DR") +
       service("fwmark 2", "ip_family inet6", protocol=None, kind="DR", servers=V6_SERVERS) +
       service("fwmark 3", "persistence_timeout 60", protocol=None) + service("10.0.0.30", "persistence_timeout 70", kind="DR",
                                                                              servers=[server("10.0.1.1", port=None)]))
TIMEOUTS = "global_defs {\n  lvs_timeouts tcp 7200 tcpfin 30 udp 45\n}\n" + service("10.0.0.1 88")


def health(*lines, first="", extra=""):
    """Three servers with checkers on ports 9001 to 9003 of the node, and a service that has but one of them and a sorry server."""
    return (service("10.0.0.1 89", *CHECKS, *lines, algo="wrr",
                    servers=[checked("10.0.1.1", 9001, "weight 1", *([first] if first else [])), checked("10.0.1.2", 9002, "weight 2"),
                             checked("10.0.1.3", 9003, "weight 3")]) +
            service("10.0.0.2 89", *CHECKS, "sorry_server 10.0.1.9 80", kind="DR", servers=[checked("10.0.1.1", 9001)]) +
            service("10.0.0.3 89", *CHECKS, "sorry_server 10.0.1.9 8080", "sorry_server_inhibit", "sorry_server_lvs_method TUN",
                    servers=[checked("10.0.1.1", 9001)]) +
            service("10.0.0.4 89", *CHECKS, "quorum 2", "sorry_server 10.0.1.9 80",
                    servers=[checked("10.0.1.1", 9001), checked("10.0.1.2", 9002)]) + extra)


class Machine:
    def __init__(self, lab, name, program, tail):
        self.node, self.tail = lab.node(name), tail
        self.daemon = Daemon(self.node, "", program=program)
        self.listeners = {}

    def give(self, text):
        if self.daemon.running():
            self.daemon.reload(text + self.tail)
        else:
            self.daemon.config.write_text(text + self.tail)
            self.daemon.start()

    def listen(self, port):
        self.listeners[port] = self.node.start(["busybox", "nc", "-ll", "-p", port, "-e", "/bin/true"])

    def refuse(self, port):
        self.listeners.pop(port).stop()

    def table(self):
        """Sorted by service; destinations in the order in which ipvsadm gives them, which is by address as well."""
        return self.node.run("ipvsadm -Sn").splitlines() + [self.node.run("ipvsadm -Ln --timeout").strip()]


VIEWS = ("", "--stats", "--rate", "--thresholds", "--persistent-conn", "--tun-info", "--nosort")


def assert_services_print_as_ipvsadm_does(node):
    for view in VIEWS:
        ours, theirs = node.run(f"{CTL} services {view}"), node.run(f"ipvsadm -Ln {view}")
        assert ours == theirs, f"services {view}:\n" + "\n".join(
            difflib.unified_diff(theirs.splitlines(), ours.splitlines(), "ipvsadm", "xdirector", lineterm="", n=0))


def assert_equal(machines, what, timeout=60):
    def tables():
        return [machine.table() for machine in machines]

    try:
        wait_for(lambda: len({tuple(t) for t in tables()}) == 1 and len(tables()[0]) > 1, what, timeout, 0.3)
    except Timeout:
        ours, theirs = machines[1].table(), machines[0].table()
        raise AssertionError(f"{what}:\n" + "\n".join(difflib.unified_diff(theirs, ours, "keepalived", "xdirectord", lineterm="", n=0))) from None


def test_same_table_as_keepalived(lab):
    machines = [Machine(lab, "ka", KEEPALIVED, ""), Machine(lab, "xd", None, XD)]

    def step(what, text, holds=()):
        for machine in machines:
            machine.give(text)
        # Equal may be the tables of the file before; so something of this one must be there.
        for machine in machines:
            wait_for(lambda m=machine: all(any(word in line for line in m.table()) for word in holds), f"{what}: {holds} in {machine.node.name}", 60, 0.3)
        assert_equal(machines, what)
        if what in ("persistence and protocols", "forwarding methods", "marks and groups"):
            assert_services_print_as_ipvsadm_does(machines[1].node)

    for machine in machines:
        put_by_others(machine)
        for port in (9001, 9002, 9003):
            machine.listen(port)

    step("schedulers", SCHEDULING, ["10.0.0.13:80 -s ovf"])
    step("flags", FLAGS, ["10.0.0.8:81"])
    step("persistence and protocols", PERSISTENCE, ["10.0.0.7:9"])
    step("forwarding methods", METHODS, ["[2001:db8::4]:83"])
    step("marks and groups", MARKS_AND_GROUPS, ["10.0.0.30:0"])
    step("timeouts", TIMEOUTS, ["7200 30 45"])
    step("edits of services in place", service("10.0.0.1 88", "persistence_timeout 50", algo="wlc"), ["-s wlc"])
    step("servers come, go and change",
         service("10.0.0.1 88", servers=[server("10.0.1.2", "weight 9"), server("10.0.1.4", "lvs_method DR"), server("10.0.1.5", port=8080)]),
         ["10.0.1.4:88"])

    def settle(what, word, there=True):
        for machine in machines:
            wait_for(lambda m=machine: any(word in line for line in m.table()) == there, f"{what} in {machine.node.name}", 60, 0.3)
        assert_equal(machines, what)

    step("health", health(), ["10.0.0.4:89"])
    for machine in machines:
        machine.refuse(9001)
    settle("a server is down", "10.0.0.2:89 -r 10.0.1.9:89 -g -w 1")
    step("reload while it is down, with inhibit", health("inhibit_on_failure"), ["10.0.0.1:89 -r 10.0.1.1:80 -m -w 0"])
    step("another weight while it is down", health("inhibit_on_failure", extra=service("10.0.0.5 89")), ["10.0.0.5:89"])
    for machine in machines:
        machine.listen(9001)
    settle("it is up again", "10.0.0.1:89 -r 10.0.1.1:80 -m -w 1")
    for machine in machines:
        machine.refuse(9001)
        machine.refuse(9002)
    settle("two are down: inhibited, quorum and sorry servers", "10.0.0.4:89 -r 10.0.1.9:80 -m -w 1")
    for machine in machines:
        machine.listen(9001)
        machine.listen(9002)
    settle("both are up again", "10.0.0.1:89 -r 10.0.1.2:80 -m -w 2")

    for machine in machines:
        assert machine.daemon.stop(30) == 0
        assert machine.node.run("ipvsadm -Sn") == "-A -t 10.0.9.9:80 -s wrr\n-a -t 10.0.9.9:80 -r 10.0.9.1:80 -g -w 3\n"
    assert machines[0].table() == machines[1].table()


def put_by_others(machine):
    for command in ("-A -t 10.0.9.9:80 -s wrr", "-a -t 10.0.9.9:80 -r 10.0.9.1:80 -g -w 3", "-A -t 10.0.0.1:80 -s rr",
                    "-a -t 10.0.0.1:80 -r 10.0.1.2:80 -m -w 2"):
        machine.node.run(f"ipvsadm {command}")


def test_lvs_flush(lab):
    """What others put there before goes at the start, and at the end goes all."""
    machines = [Machine(lab, "ka", KEEPALIVED, ""), Machine(lab, "xd", None, XD)]
    for machine in machines:
        put_by_others(machine)
        machine.give("global_defs {\n  lvs_flush\n  lvs_flush_on_stop\n}\n" + service("10.0.0.1 80"))
    for machine in machines:
        wait_for(lambda m=machine: any("10.0.1.3:80" in line for line in m.table()), f"the service in {machine.node.name}", 60, 0.3)
    assert_equal(machines, "lvs_flush")
    for machine in machines:
        assert not any("10.0.9.9" in line for line in machine.table())
        machine.node.run("ipvsadm -A -t 10.0.9.8:80 -s wrr")
        assert machine.daemon.stop(30) == 0
        assert machine.node.run("ipvsadm -Sn") == ""
