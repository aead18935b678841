"""
    r1 (200) ──┐         ┌── r1
               ├── lan   │ heartbeat link (eth1, 10.0.9.0/24)
    r2 (100) ──┘         └── r2

xdirector { heartbeat VI_1 { interface eth1 unicast <peer> } }: the lan between the two loses all adverts; r2 hears r1 on the other link and stays
backup. When that falls silent too, it takes over, and with a fence only when that has succeeded.
"""

import json

import pytest

from lib.daemon import CTL
from lib.pairs import RouterPair, instance, under_test
from lib.wait import stays, wait_for

VIP = "192.0.2.10"
pytestmark = pytest.mark.xdirector


class Site(RouterPair):
    def __init__(self, lab):
        super().__init__(lab)
        self.spare = lab.switch("spare")
        for i, router in enumerate(self.routers, 1):
            router.join(self.spare, "eth1", f"10.0.9.{i}/24")

    def isolate(self, on):
        for node in self.routers:
            self.lan.run(f"bridge link set dev {node.ports['eth0'][1]} isolated {'on' if on else 'off'}")


def findings(node):
    return {f["trouble"] for i in json.loads(node.run([CTL, "status", "-j"]))["instances"] for f in i["findings"]}


@pytest.mark.parametrize("auth", ["", "authentication {\n auth_type AH\n auth_pass s3cret\n }", "auth_hmac {\n key 1 0123456789abcdef0123456789abcdef\n }"],
                         ids=["none", "AH", "hmac"])
@pytest.mark.parametrize("kind", ["unicast", "multicast"])
def test_the_master_is_lost_when_all_links_are_silent(lab, kind, auth):
    site = Site(lab)
    r1, r2 = site.routers

    def config(priority, peer):
        to = f"unicast {peer}" if kind == "unicast" else ""
        return instance(priority=priority, extra=auth) + f"xdirector {{\n heartbeat VI_1 {{\n interface eth1 {to}\n }}\n }}\n"

    under_test(r1, config(200, "10.0.9.2"))
    site.wait_holder("r1", VIP)
    under_test(r2, config(100, "10.0.9.1")).wait_log("Entering BACKUP STATE")
    site.isolate(True)
    wait_for(lambda: "link_silent" in findings(r2), "r2 says that the lan is silent", 30)
    # Longer than any master-down time.
    stays(lambda: site.holders(VIP) == ["r1"], "r1 alone holds the address", 6)
    r1.unplug("eth1")
    wait_for(lambda: r2.holds(VIP), "all links are silent", 30)
    r1.plug("eth1")
    site.wait_holder("r1", VIP, 30)


def test_a_fence_that_fails_keeps_a_backup_a_backup(lab):
    site = Site(lab)
    r1, r2 = site.routers
    under_test(r1, instance(priority=200))
    site.wait_holder("r1", VIP)
    r2.write("/run/fence", "#!/bin/sh\ntest -e /run/allowed\n", 0o755)
    backup = under_test(r2, instance(priority=100) + 'xdirector {\n fence VI_1 "/run/fence" 5\n }\n')
    backup.wait_log("Entering BACKUP STATE")
    r1.unplug("eth0")
    backup.wait_log("there is no takeover", 30)
    assert not r2.holds(VIP)
    r2.write("/run/allowed", "")
    wait_for(lambda: r2.holds(VIP), "the fence has succeeded", 30)
    backup.wait_log("The fence has succeeded")
