"""Web servers for the labs (nginx), and a client that asks them without pause."""

import json
from collections import Counter
from pathlib import Path

from .wait import wait_for

NGINX = "/usr/sbin/nginx"


class Web:
    """nginx in a node. "/" answers with the node's name, "/health" with "good", "/big" with 300 kB. One process, so that killing it
    kills all of it."""

    def __init__(self, node, port=80):
        self.node, self.port = node, port
        self.home = node.directory / "nginx"
        (self.home / "html").mkdir(parents=True)
        (self.home / "html/big").write_bytes(bytes(range(33, 127)) * 3200)
        self.config = self.home / "nginx.conf"
        self.config.write_text(f"""
daemon off;
master_process off;
pid {self.home}/nginx.pid;
error_log {self.home}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {self.home}/body;
    proxy_temp_path {self.home}/proxy;
    fastcgi_temp_path {self.home}/fastcgi;
    uwsgi_temp_path {self.home}/uwsgi;
    scgi_temp_path {self.home}/scgi;
    default_type text/plain;
    server {{
        listen {port};
        location = / {{ return 200 "{node.name}\\n"; }}
        location = /health {{ return 200 "good\\n"; }}
        location / {{ root {self.home}/html; }}
    }}
}}
""")
        self.process = None

    def start(self):
        self.process = self.node.start([NGINX, "-e", self.home / "error.log", "-c", self.config], self.home / "nginx.log")
        wait_for(lambda: self.node.run(f"curl -s -m 2 http://127.0.0.1:{self.port}/health", check=False).stdout == "good\n",
                 f"nginx in {self.node.name}")
        return self

    def stop(self):
        self.process.stop()


class Requests:
    """A client asking http://address:port/ again and again, from start() to stop()."""

    def __init__(self, node, address, port=80, pause=0.005, timeout=2, path="/"):
        self.node, self.address, self.port = node, address, port
        self.pause, self.timeout, self.path = pause, timeout, path
        self.log = node.directory / f"requests-{address}-{port}-{id(self)}.jsonl"
        self.process = None

    def start(self):
        script = Path(__file__).with_name("requester.py")
        words = ["/usr/bin/python3", script, self.address, self.port, self.pause, self.timeout, self.path]
        self.process = self.node.start(words, self.log)
        wait_for(self.lines, f"the first request of {self.node.name}")
        return self

    def lines(self, since=0):
        """What happened to each request that has ended."""
        text = self.log.read_text() if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")][since:]

    def mark(self):
        return len(self.lines())

    def stop(self):
        if self.process.running():
            self.process.stop()
        return self.lines()

    def lost(self, since=0):
        return [line for line in self.lines(since) if "error" in line]

    def served(self, since=0):
        """How many requests each server answered."""
        return Counter(line["answer"] for line in self.lines(since) if "answer" in line)

    def wait_for_more(self, count, timeout=30):
        """Until `count` further requests have ended. Returns the mark from which they count."""
        mark = self.mark()
        wait_for(lambda: len(self.lines(mark)) >= count, f"{count} more requests", timeout, 0.05)
        return mark

    def wait_until_served(self, timeout=20):
        """Until a request is answered that began after now."""
        mark = self.mark()
        wait_for(lambda: any("answer" in line for line in self.lines(mark + 1)), f"an answer from {self.address}", timeout)

    def longest_silence(self, since=0):
        """Seconds between the ends of two answers with none between them, at most."""
        ends = [line["end"] for line in self.lines(since) if "answer" in line]
        return max((later - earlier for earlier, later in zip(ends, ends[1:])), default=float("inf"))


def ask(node, address, port=80, count=1, path="/", timeout=2):
    """`count` requests by curl; how many answers came from whom. A request without an answer counts under its error."""
    result = Counter()
    for _ in range(count):
        done = node.run(f"curl -sS -m {timeout} http://{address}:{port}{path}", check=False)
        result[done.stdout.strip() if done.returncode == 0 else done.stderr.strip()] += 1
    return result
