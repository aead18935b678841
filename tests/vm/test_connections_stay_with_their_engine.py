"""
    out (clients) ── eth0 ── d1 ── eth1 ── in (real servers), as drawn in test_xdp_equals_ipvs.py

The engine changes by reloads while connections are open. Each goes on to the real server that it began with, by the engine that it
began in, and what begins is the new engine's.
"""

import json

from arrivals import ACK, PSH, SYN
from ipvs import table
from lib.daemon import CTL, Daemon
from lib.wait import wait_for
from test_xdp_equals_ipvs import PHASES, Play, Site, cases

KINDS = ("DR", "NAT", "TUN")


def test_connections_stay_with_their_engine(lab):
    site = Site(lab)
    chosen = [next(case for case in cases() if case.algo == "rr" and case.kind == kind and case.family == 4 and case.lines == ("persistence_timeout 300",))
              for kind in KINDS]
    plays = [Play(site, case) for case in chosen]

    def config(engine):
        texts = [case.text(PHASES[0]).replace("persistence_timeout 300\n", "") for case in chosen]
        return "".join(texts) + f"xdirector {{\n  engine {engine}\n  interface eth0 {{\n  }}\n  interface eth1 {{\n  }}\n}}\n"

    def serving():
        services = json.loads(site.director.run([CTL, "status", "-j"], check=False).stdout or "{}").get("services", [])
        return [service["serving"] for service in services]

    def change_to(engine, words):
        daemon.reload(config(engine))
        wait_for(lambda: serving() == [words] * len(chosen), f"all to be {words}", 60, 0.2)
        site.settle()

    def flows_in(engine):
        ports = [play.case.client(flow)[1] for play in plays for flow in range(4)]
        lines = site.director.run([CTL, "flows", engine]).splitlines()
        return {(port // 100 - 100, port % 100) for port in ports for line in lines if f":{port} " in line}

    def begin(flow):
        for play in plays:
            play.from_clients(f"{flow}: SYN", [flow], flags=SYN)
            play.from_servers(f"{flow}: SYN ACK", [flow], flags=SYN | ACK, acknowledge=1001)
            play.from_clients(f"{flow}: ACK", [flow], flags=ACK, sequence=1001, acknowledge=1001)
            assert flow in play.server, f"nobody got the SYN: {play.case.name}"

    def go_on(flow, when):
        for play in plays:
            before = dict(play.server)
            name = f"{when}: data of {flow}"
            play.from_clients(name, [flow], flags=PSH | ACK, sequence=1001, acknowledge=1001, data=b"more")
            assert [side for side, *_ in play.heard[name]] == ["in"], f"{play.case.name}: {name}: {play.heard[name]}"
            assert play.server == before, f"{play.case.name}: {name} went elsewhere"
            name = f"{when}: answer to {flow}"
            play.from_servers(name, [flow], flags=PSH | ACK, sequence=1001, acknowledge=1005, data=b"so be it")
            assert [side for side, *_ in play.heard.get(name, [("out",)])] == ["out"], f"{play.case.name}: {name}: {play.heard[name]}"

    daemon = Daemon(site.director, config("xdp")).start()
    wait_for(lambda: serving() == ["served by xdp"] * len(chosen), "the services in XDP", 200, 0.5)
    site.settle()
    begin(0)
    change_to("ipvs", "served by ipvs; earlier connections end in xdp")
    go_on(0, "after XDP")
    begin(1)
    numbers = [case.number for case in chosen]
    assert flows_in("xdp") == {(number, 0) for number in numbers}
    assert flows_in("ipvs") == {(number, 1) for number in numbers}

    change_to("auto", "served by xdp, ipvs behind it")
    go_on(0, "XDP before IPVS")
    go_on(1, "XDP before IPVS")
    begin(2)
    assert flows_in("xdp") == {(number, flow) for number in numbers for flow in (0, 2)}

    change_to("xdp", "served by xdp; earlier connections end in ipvs")
    for flow in range(3):
        go_on(flow, "XDP alone")
    begin(3)
    assert flows_in("ipvs") == {(number, 1) for number in numbers}
    weights = {weight for service in table(site.director).values() for _, weight in service["servers"].values()}
    assert weights == {0}, "nobody new in IPVS"
    shown = json.loads(site.director.run([CTL, "services", "-j"]))["services"]
    assert {d["weight"] for service in shown for d in service["destinations"]} == set(PHASES[0].values())
    assert all(sum(d["active"] for d in service["destinations"]) == 4 for service in shown), shown
    assert daemon.stop(60) == 0
    assert table(site.director) == {}
