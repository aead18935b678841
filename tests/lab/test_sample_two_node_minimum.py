"""
    r1 (50) ──┐
              ├── lan ── client
    r2 (10) ──┘

conf/samples/two-node-minimum.conf: the address moves when the master dies and returns with it.
"""

import re

import pytest

from lib.pairs import RouterPair, under_test
from lib.samples import sample

VIP = "192.168.1.109"


@pytest.mark.timeout(120)
def test_sample_two_node_minimum(lab, capture):
    text = sample("two-node-minimum")
    pair = RouterPair(lab, network="192.168.1", device=re.search(r"(?m)^\s*interface\s+(\S+)", text)[1])
    wire = capture(pair.lan)
    r1, r2 = pair.routers
    under_test(r1, text)
    second = under_test(r2, sample("two-node-minimum", 10, "BACKUP"))
    pair.wait_holder("r1", VIP, 30)
    pair.client.run(f"ping -c 1 -W 2 {VIP}")
    r1.power_off()
    wire.wait_advert(source="192.168.1.2")
    pair.client.run(f"ping -c 1 -W 2 {VIP}")
    r1.power_on()
    under_test(r1, text)
    pair.wait_holder("r1", VIP, 30)
    pair.client.run(f"ping -c 1 -W 2 {VIP}")
    assert wire.complaints(lab.directory) == []
    assert second.stop() == 0
