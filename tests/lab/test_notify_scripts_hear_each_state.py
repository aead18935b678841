"""
    r1 (100, then 200 beside it) ──┐
                                   ├── lan
    r2 (200) ──────────────────────┘

notify gets INSTANCE or GROUP, name, state and priority (a group's is 0) as further words; notify_master and notify_backup get none;
notify_fault is heard when the interface loses its carrier.
"""

from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for


def script(path, log):
    path.write_text(f'#!/bin/sh\necho "$0 $*" | sed "s|.*/||" >> {log}\n')
    path.chmod(0o700)
    return path


def test_notify_scripts_hear_each_state(lab, capture):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    log = r1.directory / "heard"
    log.touch()
    scripts = {name: script(r1.directory / name, log) for name in ("any", "on_master", "on_backup", "on_fault", "of_group")}
    extra = (f'notify {scripts["any"]}\n    notify_master "{scripts["on_master"]} \'two words\' three"\n'
             f'    notify_backup {scripts["on_backup"]}\n    notify_fault {scripts["on_fault"]}')
    group = f'vrrp_sync_group G1 {{\n    group {{\n        VI_1\n    }}\n    notify {scripts["of_group"]}\n}}\n'
    glob = "global_defs {\n    script_user root\n    enable_script_security\n}\n"
    first = under_test(r1, glob + group + instance(priority=100, version=3, advert=0.2, extra=extra))

    def heard(*lines):
        wait_for(lambda: all(line in log.read_text().splitlines() for line in lines), f"{lines} in {log}")

    heard("any INSTANCE VI_1 BACKUP 100", "on_backup ", "of_group GROUP G1 BACKUP 0")
    heard("any INSTANCE VI_1 MASTER 100", "on_master two words three", "of_group GROUP G1 MASTER 0")
    log.write_text("")
    other = under_test(r2, instance(priority=200, version=3, advert=0.2))
    heard("any INSTANCE VI_1 BACKUP 100", "on_backup ", "of_group GROUP G1 BACKUP 0")
    log.write_text("")
    r1.unplug()
    heard("any INSTANCE VI_1 FAULT 100", "on_fault ", "of_group GROUP G1 FAULT 0")
    r1.plug()
    heard("any INSTANCE VI_1 BACKUP 100")
    other.stop()
    heard("any INSTANCE VI_1 MASTER 100")
    log.write_text("")
    first.stop()
    heard("any INSTANCE VI_1 STOP 100", "of_group GROUP G1 STOP 0")
