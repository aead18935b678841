"""
    r1 (200, keepalived) ──┐
                           ├── lan
    r2 (100, under test) ──┘

auth_pass longer than eight characters is cut to eight, with a warning, and both sides agree. Another password is not obeyed.
"""

from lib.pairs import RouterPair, instance, peer, under_test

VIP = "192.0.2.10"


def test_long_password_is_cut_and_understood(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    peer(r1, instance(priority=200, password="haproxypassword"))
    pair.wait_holder("r1", VIP)
    ours = under_test(r2, instance(priority=100, password="haproxypassword"))
    ours.wait_log("Entering BACKUP STATE")
    for _ in range(5):  # longer than master-down
        wire.wait_advert(source="192.0.2.1")
    assert wire.turns() == ["192.0.2.1"]
    assert wire.adverts()[0].password == b"haproxyp"
    assert "8 char" in ours.text() or "eight char" in ours.text() or "truncat" in ours.text().lower()
    ours.stop()

    stranger = under_test(r2, instance(priority=100, password="another1"))
    wire.wait_advert(source="192.0.2.2")  # it hears nobody whom it may believe
    stranger.stop()
