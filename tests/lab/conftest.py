"""pytest in the labs: a Lab per test, and the story of a failed one.

    /usr/bin/python3 -m pytest tests/lab                       all, against the built xdirectord
    XD_DAEMON=/usr/sbin/keepalived ... pytest tests/lab        what keepalived itself does in the same scenarios
"""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

from lib import daemon  # noqa: E402
from lib.capture import Capture  # noqa: E402
from lib.net import Lab  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "timing: compares durations; run alone, not beside others")
    config.addinivalue_line("markers", "xdirector: about what keepalived does not have (XDP, xdirector): not run against it")

    def interrupted(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)  # so that a stopped run cleans up as Ctrl-C does


def pytest_collection_modifyitems(items):
    for item in items:
        if os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="network namespaces need root"))
        elif item.get_closest_marker("xdirector") and daemon.is_keepalived(daemon.UNDER_TEST):
            item.add_marker(pytest.mark.skip(reason="keepalived has no such thing"))
        elif not Path(daemon.UNDER_TEST).exists():
            item.add_marker(pytest.mark.skip(reason=f"{daemon.UNDER_TEST} is not built (scripts/build)"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.when == "call":
        item.failed_call = report.failed


@pytest.fixture
def lab(request, tmp_path):
    name = request.node.path.stem.removeprefix("test_")
    # Short paths: unix sockets in them must stay below 108 characters.
    directory = tmp_path / "lab"
    directory.mkdir()
    with Lab(name, directory) as made:
        made.captures = []
        yield made
        faults = sanitizer_faults(made)
        if faults or getattr(request.node, "failed_call", True):
            tell(made)
        assert not faults, "a sanitizer complained:\n" + "\n".join(faults)
    if not getattr(request.node, "failed_call", True):
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def capture(lab):
    """capture(switch) starts listening on a switch; a failed test prints what was heard."""

    def start(switch):
        made = Capture(switch)
        lab.captures.append(made)
        return made

    return start


def sanitizer_faults(made):
    """What a build with sanitizers wrote into the logs of its processes."""
    signs = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:")
    return [f"{log}: {line}" for node in filter(None, made.nodes.values()) for log in node.directory.glob("*.log")
            for line in log.read_text(errors="replace").splitlines() if any(sign in line for sign in signs)]


def tell(made):
    for heard in made.captures:
        print(f"\n---- on {heard.switch.name}\n" + "\n".join(heard.story()))
    for node in filter(None, made.nodes.values()):
        for log in sorted(node.directory.glob("*.log")):
            text = log.read_text(errors="replace")
            print(f"\n---- {node.name}: {log.name}\n{text[-8000:]}")
        shown = node.run("ip -br addr", check=False)
        print(shown.stdout)
