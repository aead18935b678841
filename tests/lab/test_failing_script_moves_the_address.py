"""
    r1 (101, script weight -10) ──┐
                                  ├── lan
    r2 (100) ─────────────────────┘

A vrrp_script with rise and fall lowers the priority while it fails: the address goes to r2 and comes back. The priority in the adverts
says why.
"""

from lib.pairs import RouterPair, instance, under_test

VIP = "192.0.2.10"


def test_failing_script_moves_the_address(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    good = r1.directory / "good"
    good.touch()
    script = f"""
global_defs {{
    script_user root
}}
vrrp_script chk {{
    script "/usr/bin/test -e {good}"
    interval 1
    fall 2
    rise 2
    weight -10
}}
"""
    under_test(r1, script + instance(priority=101, version=3, advert=0.2, extra="track_script {\n        chk\n    }"))
    under_test(r2, instance(priority=100, version=3, advert=0.2))
    pair.wait_holder("r1", VIP)
    good.unlink()
    wire.wait_advert(source="192.0.2.1", priority=91)
    pair.wait_holder("r2", VIP)
    good.touch()
    pair.wait_holder("r1", VIP)
    assert wire.adverts(source="192.0.2.1")[-1].priority == 101
    assert wire.turns()[-3:] == ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
