"""
    r1 (101, track_file) ──┐
                           ├── lan
    r2 (100) ──────────────┘

A number in a file times its weight is added to the priority: the address goes to r2 and comes back, also when the file is replaced by rename
or deleted. A number that carries past -254 is a fault; a sync group's file counts for its members.
"""

import os

from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for

VIP = "192.0.2.10"


def write(path, number):
    """As an editor does: a new file in the place of the old one."""
    new = path.with_suffix(".new")
    new.write_text(f"{number}\n")
    new.rename(path)


def test_tracked_file_decides(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    wire = capture(pair.lan)
    number = r1.directory / "number"
    tracked = f"vrrp_track_file health {{\n    file {number}\n    weight 2\n    init_file 0\n}}\n"
    under_test(r1, tracked + instance(priority=101, version=3, advert=0.2, extra="track_file {\n        health\n    }"))
    under_test(r2, instance(priority=100, version=3, advert=0.2))
    pair.wait_holder("r1", VIP)
    assert number.read_text() == "0\n", "init_file has made it"

    number.write_text("-5\n")
    wire.wait_advert(source="192.0.2.1", priority=91)
    pair.wait_holder("r2", VIP)
    write(number, 10)
    wire.wait_advert(source="192.0.2.1", priority=121)
    pair.wait_holder("r1", VIP)
    write(number, -20)
    pair.wait_holder("r2", VIP)
    os.unlink(number)
    pair.wait_holder("r1", VIP)
    number.write_text("-127\n")
    wait_for(lambda: "Entering FAULT STATE" in (r1.directory / "daemon.log").read_text(), "a fault of r1")
    pair.wait_holder("r2", VIP)
    number.write_text("99999999999\n")
    number.write_text("0x0\n")
    pair.wait_holder("r1", VIP)


def test_file_of_a_sync_group_is_a_fault_of_its_members(lab):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    number = r1.directory / "number"
    number.write_text("0\n")
    members = [instance(f"VI_{vrid}", vrid=vrid, priority=101, version=3, advert=0.2, vips=(f"192.0.2.{vrid}/24",)) for vrid in (51, 52)]
    group = "vrrp_sync_group G {\n    group {\n        VI_51\n        VI_52\n    }\n%s\n}\n"
    tracking = f"track_file {{\n        health weight 0\n    }}"
    tracked = f"track_file health {{\n    file {number}\n}}\n"
    under_test(r1, tracked + "".join(members) + group % tracking)
    under_test(r2, "".join(members).replace("101", "100") + group % "")
    for vip in ("192.0.2.51", "192.0.2.52"):
        pair.wait_holder("r1", vip)
    number.write_text("1\n")
    for vip in ("192.0.2.51", "192.0.2.52"):
        pair.wait_holder("r2", vip)
    number.write_text("0\n")
    for vip in ("192.0.2.51", "192.0.2.52"):
        pair.wait_holder("r1", vip)
