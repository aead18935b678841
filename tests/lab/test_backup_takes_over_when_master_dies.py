"""
    r1 (200) ──┐
               ├── lan ── client
    r2 (100) ──┘

The master loses its power. The backup takes the address, the client reaches it there; the old master returns and, being the
better one, gets the address back.
"""

from lib.pairs import RouterPair, instance, under_test

VIP = "192.0.2.10"


def test_backup_takes_over_when_master_dies(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    config = {r1: instance(priority=200, version=3, advert=0.2), r2: instance(priority=100, version=3, advert=0.2)}
    for router in pair.routers:
        under_test(router, config[router])
    pair.wait_holder("r1", VIP)
    pair.client.run(f"ping -c 1 -W 2 {VIP}")

    r1.power_off()
    wire.wait_advert(source="192.0.2.2")
    pair.client.run(f"ping -c 1 -W 2 {VIP}")
    assert r2.mac("eth0") in pair.client.run(f"ip neigh show {VIP}")

    r1.power_on()
    under_test(r1, config[r1])
    pair.wait_holder("r1", VIP)
    pair.client.run(f"ping -c 1 -W 2 {VIP}")
    assert r1.mac("eth0") in pair.client.run(f"ip neigh show {VIP}")

    # A start finds nobody on the wire, hence the first turn; then each takeover is one change of speaker and no more.
    assert wire.turns()[-3:] == ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
    assert wire.faults() == []
