"""
    r1 (100, group G1 of VI_1, VI_2) ──┐
                                       ├── lan
    r2 (90, keepalived) ───────────────┘

The same story twice, once with keepalived on r1 and once with the daemon under test: start, master, a script fails and VI_1 falls
below r2, the script recovers, the link goes and comes back, reload, stop. The FIFOs hear the same lines in the same order, but for
STOP: keepalived ends its readers before it writes that.
"""

import stat

import pytest

from lib import daemon
from lib.daemon import KEEPALIVED, Daemon
from lib.pairs import RouterPair, instance, peer
from lib.wait import wait_for


def configuration(folder, reader, check):
    track = "track_script {\n        chk\n    }"
    return f"""
global_defs {{
    script_user root
    notify_fifo {folder}/all
    notify_fifo_script "{reader} one 'two words'"
    vrrp_notify_fifo {folder}/vrrp
    vrrp_notify_fifo_script {reader}
    vrrp_notify_priority_changes true
}}
vrrp_script chk {{
    script {check}
    interval 1
    weight -20
}}
vrrp_sync_group G1 {{
    group {{
        VI_1
        VI_2
    }}
    sync_group_tracking_weight
}}
""" + instance(version=3, advert=0.2, extra=track) + instance("VI_2", vrid=52, vips=("192.0.2.20/24",))


def story(lab, pair, program):
    r1, r2 = pair.routers
    folder = r1.directory / program.rsplit("/", 1)[-1]
    folder.mkdir()
    healthy, arguments = folder / "healthy", folder / "arguments"
    healthy.touch()
    reader, check = folder / "reader", folder / "check"
    reader.write_text(f'#!/bin/sh\necho "$*" | sed "s|{folder}/||" >> {arguments}\n'
                      f'for last; do :; done\nexec cat "$last" >> "{folder}/heard_${{last##*/}}"\n')
    check.write_text(f"#!/bin/sh\nexec test -e {healthy}\n")
    for script in (reader, check):
        script.chmod(0o700)

    def heard(name="all"):
        path = folder / f"heard_{name}"
        return path.read_text().splitlines() if path.exists() else []

    def until(line, times=1):
        wait_for(lambda: heard().count(line) >= times, f"{line} for the {times}. time in {folder}")

    one = Daemon(r1, configuration(folder, reader, check), program=program).start()
    until('GROUP "G1" MASTER 0')
    mode = (folder / "all").stat().st_mode
    assert stat.S_ISFIFO(mode) and stat.S_IMODE(mode) == 0o600
    other = peer(r2, instance(version=3, advert=0.2, priority=90))
    other.wait_log("Entering BACKUP STATE")
    healthy.unlink()
    until('GROUP "G1" BACKUP 0', 2)
    healthy.touch()
    until('GROUP "G1" MASTER 0', 2)
    r1.unplug()
    until('GROUP "G1" FAULT 0')
    r1.plug()
    until('GROUP "G1" MASTER 0', 3)
    lines = heard()
    assert heard("vrrp") == lines
    mark = one.mark()
    one.reload()
    wait_for(lambda: len(arguments.read_text().splitlines()) == 4, "readers started again by the reload")
    assert one.running(), one.text()[mark:]
    assert one.stop() == 0
    other.stop()
    assert not (folder / "all").exists(), "the FIFO goes with the daemon"
    return lines, arguments.read_text().splitlines(), heard()


@pytest.mark.xdirector
def test_fifo_lines_are_those_of_keepalived(lab):
    pair = RouterPair(lab)
    wanted, arguments, _ = story(lab, pair, KEEPALIVED)
    lines, own_arguments, all_lines = story(lab, pair, daemon.UNDER_TEST)
    assert lines == wanted
    assert sorted(own_arguments) == sorted(arguments)  # two readers start side by side
    assert all_lines[-3:] == ['INSTANCE "VI_1" STOP 100', 'INSTANCE "VI_2" STOP 100', 'GROUP "G1" STOP 0']
