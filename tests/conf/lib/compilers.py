"""Runs both compilers on the same texts: keepalived -t and conf_check, each text in a file of its own.

keepalived wants interfaces to exist, so it runs in a network namespace that holds eth0 and eth1 and ends with its last process.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CONF_CHECK = Path(os.environ.get("XD_BUILD_DIR", ROOT / "build")) / "tests/conf/conf_check"

IN_NAMESPACE = """
ip link add eth0 type veth peer name eth1
ip link set lo up
ip addr add 10.1.0.1/24 dev eth0
ip link set eth0 up
ip link set eth1 up
exec "$@"
"""


def conf_check(*arguments):
    done = subprocess.run([CONF_CHECK, *arguments], capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def ours(paths, *options):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda path: conf_check("-I", "eth0,eth1,lo", "-s", *options, path), paths))


def keepalived(paths):
    """[(exit status, distinct messages)] for each file."""
    done = subprocess.run(["unshare", "--net", "--mount", "sh", "-ec", IN_NAMESPACE, "sh", sys.executable, __file__],
                          input=json.dumps([str(path) for path in paths]), capture_output=True, text=True, timeout=600, check=True)
    return [(status, messages) for status, messages in json.loads(done.stdout)]


def keywords():
    """[(block path, keyword, kind of argument, release that brought it, obeyed)]: the whole table."""
    return [(block, name, int(kind), since, obeyed == "1") for block, name, kind, since, obeyed, _ in table()]


def keyword_forms():
    """[(block path, keyword, kind of argument, arguments as the manual shows them)]"""
    return [(block, name, int(kind), form) for block, name, kind, _, _, form in table()]


def table():
    return [line.split("\t") for line in conf_check("-k")[1].splitlines()]


def serve():
    results = []
    for path in json.load(sys.stdin):
        try:
            done = subprocess.run(["keepalived", "-t", "-f", path], capture_output=True, text=True, errors="replace", timeout=20)
        except subprocess.TimeoutExpired:
            results.append((None, ["timeout"]))
            continue
        lines = [line.replace(f"{path}: ", "") for line in done.stderr.splitlines()]
        results.append((done.returncode, list(dict.fromkeys(line for line in lines if line))))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    serve()
