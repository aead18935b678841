"""
    xd    one node with xdirectord, engine ipvs

The checkers process is killed. IPVS's table stays as it is all the time, though a program has set a weight and a server is down. (keepalived's new
process begins with every server up and with the weights of the file: a dead server and the sorry server are sent packets until the first checks ended.)
"""

import signal

from lib.daemon import CTL, Daemon
from lib.wait import stays, wait_for

CONFIG = """
global_defs {
    script_user root
}
virtual_server 10.0.0.1 80 {
    delay_loop 30
    warmup 0
    retry 0
    lb_algo wrr
    lb_kind NAT
    protocol TCP
    sorry_server 10.0.1.9 80
    quorum 20
    real_server 10.0.1.1 80 {
        weight 5
        MISC_CHECK {
            misc_path "/bin/sh -c 'exit 42'"
            misc_dynamic
        }
    }
    real_server 10.0.1.2 80 {
        TCP_CHECK {
            connect_ip 127.0.0.1
            connect_port 9
        }
    }
}
virtual_server 10.0.0.2 80 {
    delay_loop 30
    warmup 0
    lb_algo rr
    lb_kind NAT
    protocol TCP
    sorry_server 10.0.1.9 80
    real_server 10.0.1.2 80 {
        TCP_CHECK {
            connect_ip 127.0.0.1
            connect_port 9
        }
    }
}
xdirector {
    engine ipvs
}
"""
TABLE = """\
-A -t 10.0.0.1:80 -s wrr
-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 40
-A -t 10.0.0.2:80 -s rr
-a -t 10.0.0.2:80 -r 10.0.1.9:80 -m -w 1
"""


def test_killed_child_leaves_the_table_alone(lab):
    node = lab.node("xd")
    daemon = Daemon(node, CONFIG).start()

    def as_it_was():
        return node.run("ipvsadm -Sn") == TABLE

    wait_for(as_it_was, f"the table {TABLE}", 60, 0.2)
    old, since = daemon.wait_ready("checkers").pid("checkers"), daemon.mark()
    daemon.send(signal.SIGKILL, "checkers")

    def asks_again():
        assert as_it_was(), node.run("ipvsadm -Sn")
        return "Activating healthcheckers" in daemon.text()[since:]

    wait_for(asks_again, "the new process", 60, 0.05)
    assert daemon.pid("checkers") not in (None, old)
    stays(as_it_was, "the table with the new process", 2, 0.05)
    assert "connection refused" in node.run([CTL, "explain", "10.0.1.2:80"])
    assert daemon.stop(30) == 0
    assert node.run("ipvsadm -Sn") == ""
