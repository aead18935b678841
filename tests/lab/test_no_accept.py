"""
    r1 (200) ──┐
               ├── lan ── client
    r2 (100) ──┘

no_accept: a master that does not accept answers ARP and neighbour solicitations for its addresses, as it forwards for them, and nothing else; its own
addresses answer. The table goes with the addresses, also when a process before was killed, and an owner accepts (RFC 9568, 6.1).
"""

import pytest

from lib.daemon import Daemon
from lib.pairs import RouterPair, instance
from lib.wait import wait_for

VIP = "192.0.2.10"


def answers(node, address):
    return node.run(["ping", "-n", "-c1", "-W1", address], check=False).returncode == 0


def tables(node):
    return node.run("nft list tables").split("\n")


def has_table(node):
    return any("table ip keepalived" in line for line in tables(node))


def test_a_master_that_does_not_accept_answers_arp_only(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    daemon = Daemon(r1, instance(priority=200, extra="no_accept")).start()
    pair.wait_holder("r1", VIP)
    wait_for(lambda: has_table(r1), "the filter is there")
    pair.client.run(["arping", "-q", "-c1", "-w5", "-I", "eth0", VIP])
    assert not answers(pair.client, VIP)
    assert answers(pair.client, pair.addresses[0])
    daemon.stop()
    assert not has_table(r1)


@pytest.mark.xdirector
def test_a_reload_opens_and_closes(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    daemon = Daemon(r1, instance(priority=200)).start()
    pair.wait_holder("r1", VIP)
    assert answers(pair.client, VIP)
    daemon.reload(instance(priority=200, extra="no_accept"))
    wait_for(lambda: has_table(r1), "the filter is there")
    assert not answers(pair.client, VIP)
    daemon.reload(instance(priority=200, extra="accept"))
    wait_for(lambda: not has_table(r1), "the filter is gone")
    assert answers(pair.client, VIP)


def test_an_owner_accepts(lab):
    pair = RouterPair(lab, count=1)
    Daemon(pair.routers[0], instance(priority=255, state="MASTER", extra="no_accept")).start()
    pair.wait_holder("r1", VIP)
    wait_for(lambda: answers(pair.client, VIP), "an owner answers")


def test_what_a_killed_daemon_left_is_swept_away(lab):
    pair = RouterPair(lab, count=1)
    r1 = pair.routers[0]
    Daemon(r1, instance(priority=200, extra="no_accept")).start()
    pair.wait_holder("r1", VIP)
    wait_for(lambda: has_table(r1), "the filter is there")
    r1.kill_everything()
    assert has_table(r1)
    Daemon(r1, instance(priority=200)).start()
    pair.wait_holder("r1", VIP)
    wait_for(lambda: not has_table(r1), "the filter is gone")
    wait_for(lambda: answers(pair.client, VIP), "it answers")
