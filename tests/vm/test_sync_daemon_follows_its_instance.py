"""
    r1 (200) ──┐
               ├── lan
    r2 (100) ──┘

lvs_sync_daemon follows its instance: the master sends what it knows of connections, the backup listens; a stopped daemon does neither.
Without an instance both sides run from the start.
"""

from lib.daemon import Daemon
from lib.pairs import RouterPair, instance
from lib.wait import wait_for

VIP = "192.0.2.10"


def sides(node):
    return node.run("ipvsadm -L --daemon")


def config(priority):
    return f"global_defs {{\n lvs_sync_daemon eth0 inst VI_1 id 7\n }}" + instance(priority=priority)


def test_sync_daemon_follows_its_instance(lab):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    better = Daemon(r1, config(200)).start()
    pair.wait_holder("r1", VIP, 60)
    Daemon(r2, config(100)).start()
    wait_for(lambda: "master sync daemon" in sides(r1) and "syncid=7" in sides(r1), "r1 sends", 60)
    assert "backup sync daemon" not in sides(r1)
    wait_for(lambda: "backup sync daemon" in sides(r2), "r2 listens", 60)
    assert "master sync daemon" not in sides(r2)
    better.stop(60)
    wait_for(lambda: "master sync daemon" in sides(r2) and "backup sync daemon" not in sides(r2), "r2 sends", 60)
    assert "sync daemon" not in sides(r1)
