"""
    r1 (150) ──┐
               ├── lan ── client (a web server that writes down who asks)
    r2 (100) ──┘

ha_suspend: a real server is asked only by the director that has the virtual server's address. When the master goes, the other one takes over the
address and the asking; the one that comes back stops at once when it is told of a better.
"""

import json

import pytest

from lib.daemon import CTL
from lib.pairs import RouterPair, instance, under_test
from lib.wait import wait_for

pytestmark = pytest.mark.xdirector

VIP = "192.0.2.10"
SERVICE = f"""
virtual_server {VIP} 80 {{
    delay_loop 0.2
    warmup 0
    lb_algo rr
    lb_kind DR
    protocol TCP
    ha_suspend
    real_server 192.0.2.100 80 {{
        HTTP_GET {{
            url {{
                path /
                status_code 200
            }}
        }}
    }}
}}
xdirector {{
    engine ipvs
}}
"""


def test_checks_follow_the_address(lab):
    pair = RouterPair(lab)
    pair.client.run(f"mkdir -p {pair.client.directory}/empty")
    web = pair.client.start(f"/usr/bin/python3 -u -m http.server 80 --directory {pair.client.directory}/empty")
    wait_for(lambda: ":80" in pair.client.run("ss -Hltn"), "the web server listens")
    r1, r2 = (under_test(router, instance(priority=priority, version=3, advert=0.2, vips=(f"{VIP}/24",)) + SERVICE)
              for router, priority in zip(pair.routers, (150, 100)))

    def asked(address):
        return web.text().count(f"{address} - - ")

    def asks(address):
        before = asked(address)
        wait_for(lambda: asked(address) > before + 3, f"{address} asks", 30)

    def service(node):
        services = json.loads(node.run([CTL, "status", "-j"])).get("services", [])
        return services[0] if services else {"suspended": None}

    pair.wait_holder("r1", VIP, 30)
    asks("192.0.2.1")
    wait_for(lambda: service(pair.routers[1])["suspended"], "r2 to wait for the address", 30)
    quiet = asked("192.0.2.2")
    asks("192.0.2.1")
    assert asked("192.0.2.2") == quiet
    assert "no checks: its address is not on this host" in pair.routers[1].run([CTL, "status"])

    r1.stop()
    pair.wait_holder("r2", VIP, 30)
    asks("192.0.2.2")
    assert not service(pair.routers[1])["suspended"] and service(pair.routers[1])["servers"][0]["up"]
    r2.wait_log("Activating healthchecker for service [192.0.2.100]:tcp:80 for VS [192.0.2.10]:tcp:80")

    r1.start()
    pair.wait_holder("r1", VIP, 30)
    r2.wait_log("Suspending healthchecker for service [192.0.2.100]:tcp:80")
    quiet = asked("192.0.2.2")
    asks("192.0.2.1")
    assert asked("192.0.2.2") <= quiet + 1  # one that was on its way
