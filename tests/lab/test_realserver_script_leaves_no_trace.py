"""scripts/realserver: start, status, stop in a node of its own; sysctls are back to what they were, whatever that was."""

from lib.daemon import ROOT

SCRIPT = ROOT / "scripts/realserver"
NAMES = [f"net.ipv4.conf.{device}.{name}" for device in ("all", "lo") for name in ("arp_ignore", "arp_announce")]


def test_realserver_script_leaves_no_trace(lab):
    node = lab.node("web")
    node.run("sysctl -qw net.ipv4.conf.lo.arp_announce=1")
    values = lambda: [node.run(f"sysctl -n {name}").strip() for name in NAMES]  # noqa: E731
    before = values()

    status = node.run([SCRIPT, "status", "192.0.2.10"], check=False)
    assert status.returncode == 1 and "not on loopback" in status.stdout
    node.run([SCRIPT, "start", "192.0.2.10", "192.0.2.11"])
    node.run([SCRIPT, "start", "192.0.2.10"])  # again: nothing more
    assert node.holds("192.0.2.10") and node.holds("192.0.2.11")
    assert values() == ["1", "2", "1", "2"]
    node.run([SCRIPT, "status", "192.0.2.10", "192.0.2.11"])

    node.run([SCRIPT, "stop", "192.0.2.10"])
    assert values() == ["1", "2", "1", "2"], "still a real server for the other address"
    node.run([SCRIPT, "stop", "192.0.2.11"])
    assert not node.holds("192.0.2.10") and not node.holds("192.0.2.11")
    assert values() == before
    assert node.run([SCRIPT, "start", "192.0.2.10/24"], check=False).returncode == 1
