"""
    ka    runs Debian's keepalived       each alone in its network, with the same real servers on lo:
    xd    runs the daemon under test     lib/answers.py, each with one behaviour

Both are given the same file. What each server is sent, and what is told of it (lvs_notify_fifo), is the same in both. A case says how often
its server must be asked before that is compared.
"""

import json
from pathlib import Path

import pytest

from lib import daemon, no_ipvs
from lib.daemon import KEEPALIVED, Daemon
from lib.wait import Timeout, wait_for

pytestmark = pytest.mark.xdirector  # keepalived is here anyway

ANSWERS = Path(__file__).parent / "lib/answers.py"
OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def http(answer, *then):
    return [["until", "\r\n\r\n"], ["send", answer], *(then or (["close"],))]


def status(code):
    return http(f"HTTP/1.1 {code} Word\r\nContent-Length: 5\r\n\r\nhello")


GOOD, BAD, SILENT = http(OK), status(503), [["until", "\r\n\r\n"]]


def get(options="", url="path /"):
    return f"HTTP_GET {{\n{options}\nurl {{\n{url}\n}}\n}}"


def smtp(greeting="220 mx ESMTP\r\n", helo="250 ok\r\n", bye="221 bye\r\n"):
    return [["send", greeting], ["until", "HELO"], ["until", "\r\n"], ["send", helo], ["until", "QUIT\r\n"], ["send", bye], ["close"]]


def case(name, check, *turns, asked=2, **more):
    return {"name": name, "check": check, "asked": asked, **({"turns": turns} if turns else {}), **more}


def dns(name, options="", *codes, **more):
    return case(f"dns {name}", f"DNS_CHECK {{\n{options}\n}}", *([["echo", 0x81, 0x80 | code]] for code in codes), udp=True, **more)


def udp(name, options="", *turns, **more):
    return case(f"udp {name}", f"UDP_CHECK {{\n{options}\n}}", *turns, udp=True, **more)


MAIL = "SMTP_CHECK {\n%s\n}"
DIGEST = "path /\ndigest 5d41402abc4b2a76b9719d911017c592"  # of "hello"

CASES = [
    # What is sent.
    case("http", get(), GOOD), case("http path", get(url="path /a%20b?c=d&e"), GOOD), case("http port 80", get(), GOOD, port=80),
    case("http ipv6", get(), GOOD, v6=True), case("http ipv6 port 80", get(), GOOD, v6=True, port=80),
    case("http connect_port", get("connect_port 8100"), GOOD, listen=8100), case("http 1.0C", get("http_protocol 1.0C"), GOOD),
    case("http 1.1", get("http_protocol 1.1"), GOOD), case("virtualhost", get("virtualhost www.example.org"), GOOD),
    case("virtualhost of the real server", get(), GOOD, server="virtualhost rs.example.org"),
    case("virtualhost of the virtual server", get(), GOOD, service="virtualhost vs.example.org"),
    case("virtualhost of a url", get("virtualhost c", "path /\nvirtualhost u"), GOOD),
    case("helo_name", MAIL % "helo_name a.example.org", smtp()), udp("payload", "", [["send", "x"]]),
    *(dns(f"{kind} {name}", f"type {kind}\nname {name}", 0) for kind, name in
      (("A", "example.org"), ("AAAA", "www.example.org."), ("NS", "."), ("MX", "x"), ("TXT", "_dmarc.example.org"), ("RRSIG", "example.org"))),
    dns("default", "", 0), dns("ipv6", "", 0, v6=True),
    # What an answer is taken for.
    *(case(f"http {code}", get(), status(code)) for code in (100, 199, 204, 299, 300, 404, 600)),
    case("status_code", get(url="path /\nstatus_code 200 404-410"), status(409)), case("digest", get(url=DIGEST), GOOD),
    case("other digest", get(url=DIGEST), http("HTTP/1.1 200 OK\r\n\r\nhellx")),
    case("digest is judged up to content-length", get(url=DIGEST), http(OK + " world")),
    case("regex", get(url='path /\nregex "he.lo"'), GOOD), case("other regex", get(url='path /\nregex "he.xo"'), GOOD),
    case("regex_no_match", get(url='path /\nregex "hell"\nregex_no_match'), GOOD),
    case("no answer", get(), http("", ["close"])), case("reset", get(), [["reset"]]), case("no http", get(), http("<html>200</html>")),
    case("half a status line", get(), http("HTTP/1.1 20")), case("body too short", get(), http(OK[:-2])), case("silence", get(), SILENT),
    case("half a body, then silence", get(), http(OK[:-2], ["until", "\0"])), case("nobody", get(), asked=0), case("tcp nobody", "TCP_CHECK {\n}", asked=0),
    case("tcp", "TCP_CHECK {\n}", []), case("smtp", MAIL % "", smtp()), case("smtp refuses", MAIL % "", smtp("554 no\r\n")),
    case("smtp helo refused", MAIL % "", smtp(helo="501 no\r\n")), case("smtp quit refused", MAIL % "", smtp(bye="500 no\r\n")),
    case("smtp ends early", MAIL % "", smtp()[:4] + [["close"]]), case("smtp silent", MAIL % "", []), case("smtp nobody", MAIL % "", asked=0),
    *(dns(f"code {code}", "", code) for code in range(1, 6)), udp("silent", "", []), udp("nobody", asked=0),
    udp("silent, but required", "require_reply", []), udp("any answer", "require_reply", [["send", "a" * 300]]),
    udp("data", "require_reply 6162", [["send", "abc"]]), udp("other data", "require_reply 6162", [["send", "axc"]]),
    udp("masked data", "require_reply 6XX2", [["send", "ob"]]), udp("data too long", "require_reply 61\nmax_reply_length 2", [["send", "aaa"]]),
    # How many failures it takes, at the start, later, and to come back.
    *(case(f"retry {retry}, {bad} failures", get(f"retry {retry}"), GOOD, *[BAD] * bad, GOOD, asked=bad + 3)
      for retry, bad in ((0, 1), (1, 1), (1, 2), (2, 2), (2, 3))),
    case("alpha", get("alpha"), GOOD), case("alpha, first bad", "TCP_CHECK {\nalpha\n}", asked=0),
    case("two urls", get(url="path /1\n}\nurl {\npath /2"), GOOD, GOOD, BAD, BAD, GOOD, GOOD, GOOD, asked=8),
    case("fast_recovery", get("fast_recovery", "path /1\n}\nurl {\npath /2"), GOOD, GOOD, BAD, BAD, GOOD, GOOD, GOOD, asked=8),
    case("smtp retries", MAIL % "retry 1", smtp("421 x\r\n"), smtp(), smtp("421 x\r\n"), smtp("421 x\r\n"), smtp(), asked=6),
    dns("retries", "retry 1", 0, 2, 0, 2, 2, 2, 0, asked=8), udp("retries", "require_reply 61\nretry 1", [["send", "b"]], [["send", "a"]], asked=3),
]


def place(cases):
    for number, one in enumerate(cases, 1):
        one["address"] = f"fd00::{number:x}" if one.get("v6") else f"127.1.0.{number}"
        one["port"] = one.get("port", 8000)


def configuration(node):
    text = f"""
global_defs {{
    script_user root
    lvs_notify_fifo {node.directory}/fifo
    lvs_notify_fifo_script "/bin/sh {node.directory}/reader"
}}
"""
    for number, one in enumerate(CASES, 1):
        text += f"""
virtual_server {'fd01::' if one.get('v6') else '10.9.0.'}{number:{'x' if one.get('v6') else 'd'}} {one['port']} {{
    delay_loop 0.4
    delay_before_retry 0.2
    retry 1
    warmup 0
    connect_timeout 3
    lb_algo rr
    lb_kind NAT
    protocol {'UDP' if one.get('udp') else 'TCP'}
    {one.get('service', '')}
    real_server {one['address']} {one['port']} {{
        {one.get('server', '')}
        {one['check']}
    }}
}}
"""
    return text


class Machine:
    def __init__(self, lab, name, program, environment, tail):
        self.node = lab.node(name)
        folder = self.node.directory
        for one in CASES:
            if one.get("v6"):
                self.node.run(f"ip addr add {one['address']}/128 dev lo nodad")
        cases = [{**one, "port": one.get("listen", one["port"])} for one in CASES]
        (folder / "cases").write_text(json.dumps(cases))
        (folder / "reader").write_text(f'exec cat "$1" >> {folder}/lines\n')
        for empty in ("lines", "heard"):
            (folder / empty).touch()
        self.node.start(["/usr/bin/python3", ANSWERS, folder / "cases", folder / "heard"])
        for protocol in "tu":
            count = len({(one["address"], one["port"]) for one in cases if "turns" in one and bool(one.get("udp")) == (protocol == "u")})
            wait_for(lambda: len(self.node.run(f"ss -Hln{protocol}").splitlines()) == count, f"{count} servers in {name}")
        self.daemon = Daemon(self.node, configuration(self.node) + tail, program=program, environment=environment(self.node)).start()

    def heard(self, one):
        text = (self.node.directory / "heard").read_text()
        lines = sorted((line for line in map(json.loads, text[:text.rfind("\n") + 1].splitlines()) if line["name"] == one["name"]), key=lambda line: line["number"])
        return [line["heard"][2 if one["name"].startswith("dns") else 0:] for line in lines]  # but for the number of a question

    def told(self, one):
        text = (self.node.directory / "lines").read_text().replace("\0", "")
        lines = text[:text.rfind("\n") + 1].splitlines()
        return [line.split()[-1] for line in lines if line.startswith(f"RS [{one['address']}]")]


def test_checks_are_those_of_keepalived(lab):
    place(CASES)
    ka = Machine(lab, "ka", KEEPALIVED, no_ipvs.environment, "")
    xd = Machine(lab, "xd", daemon.UNDER_TEST, lambda node: {}, "xdirector {\n    engine ipvs\n}\n")

    def unsettled(one):
        asked = all(len(m.heard(one)) >= one["asked"] for m in (ka, xd)) if one["asked"] else ka.told(one)
        return not asked or ka.told(one) != xd.told(one)

    try:
        wait_for(lambda: not any(map(unsettled, CASES)), "all servers asked, and the same told of them", 60, 0.3)
    except Timeout:
        raise AssertionError("\n".join(f"{one['name']}: {[(m.node.name, len(m.heard(one)), m.told(one)) for m in (ka, xd)]}"
                                       for one in filter(unsettled, CASES))) from None
    sent = {one["name"]: tuple(m.heard(one)[:one["asked"]] for m in (ka, xd)) for one in CASES}
    assert {name: both for name, both in sent.items() if both[0] != both[1]} == {}
    downs = sum("DOWN" in xd.told(one) for one in CASES)
    assert len(CASES) * 0.3 < downs < len(CASES) * 0.8, "some go down and some do not"
