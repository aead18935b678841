"""xdirector plan and conf, on the command line. The daemon is played: it answers one question with the text that it runs."""

import json
import socket
import struct
import subprocess
import threading

import pytest

from lib.compilers import CONF_CHECK, ROOT

XDIRECTOR = CONF_CHECK.parents[2] / "userspace/ctl/xdirector"
SAMPLE = ROOT / "conf/samples/lvs-dr.conf"

pytestmark = pytest.mark.skipif(not XDIRECTOR.exists(), reason="xdirector is not built")


def answer_with(running):
    return json.dumps({"ok": True, "config_id": "", "xdirector_file": "", "files": [{"name": "/running.conf", "text": running}],
                       "patterns": [{"pattern": "/running.conf", "names": ["/running.conf"]}]}).encode()


def answer_once(listener, answer, asked):
    connection, _ = listener.accept()
    with connection:
        length, _ = struct.unpack("II", connection.recv(8, socket.MSG_WAITALL))
        asked.append(json.loads(connection.recv(length, socket.MSG_WAITALL)))
        connection.sendall(struct.pack("II", len(answer), 0) + answer)
        connection.recv(1)


def plan(tmp_path, running, wanted):
    file = tmp_path / "wanted.conf"
    file.write_text(wanted)
    return plan_for(tmp_path, answer_with(running), file)


def plan_for(tmp_path, answer, file):
    path = tmp_path / "control.sock"
    path.unlink(missing_ok=True)
    asked = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=answer_once, args=(listener, answer, asked), daemon=True)
        thread.start()
        done = subprocess.run([XDIRECTOR, "--socket", path, "plan", file], capture_output=True, text=True, timeout=30)
        thread.join(10)
    assert asked == [{"question": "configuration"}]
    return done.returncode, done.stdout, done.stderr


def test_same_text_is_no_change(tmp_path):
    assert plan(tmp_path, SAMPLE.read_text(), SAMPLE.read_text()) == (0, "nothing to do\n", "")


def test_change_is_told_with_what_it_touches(tmp_path):
    running = SAMPLE.read_text()
    status, said, _ = plan(tmp_path, running, running.replace("priority 150", "priority 120"))
    assert status == 2
    assert said == "change vrrp_instance VI_1: the election may choose another master\n    - priority 150\n    + priority 120\n"


def test_wrong_file_is_an_error(tmp_path):
    status, said, why = plan(tmp_path, SAMPLE.read_text(), "vrrp_instance X {\n")
    assert (status, said) == (1, "")
    assert "needs a virtual_router_id" in why


def test_without_a_daemon(tmp_path):
    done = subprocess.run([XDIRECTOR, "--socket", tmp_path / "none.sock", "plan", SAMPLE], capture_output=True, text=True)
    assert done.returncode == 3


def test_printed_file_is_the_golden_one():
    done = subprocess.run([XDIRECTOR, "conf", "print", SAMPLE], capture_output=True, text=True, check=True)
    assert "virtual_server 10.23.8.80 80 {" in done.stdout


def test_unknown_block_is_told():
    done = subprocess.run([XDIRECTOR, "conf", "keywords", "vrrp_instnce"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "did you mean vrrp_instance?" in done.stderr
