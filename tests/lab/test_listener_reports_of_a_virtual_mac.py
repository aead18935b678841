"""
    r1 (200) ──┐
               ├── lan ── client       r2 alone has use_vmac
    r2 (100) ──┘

IPv6: a backup's link with the virtual MAC reports no multicast groups (MLD), for that would teach switches that the virtual MAC lives there. As
master it does: switches that snoop have to know where its addresses are asked for.
"""

from lib.pairs import RouterPair, instance, under_test
from lib.wait import stays, wait_for

VIP = "fe80::10"
VMAC = "00:00:5e:00:02:33"
# Behind an IPv6 header and eight bytes of hop-by-hop options: a report of MLD version 2.
REPORTS = f"ether src {VMAC} and ip6[6] == 0 and ip6[48] == 143"


def test_a_backup_reports_no_groups_from_the_virtual_mac(lab):
    pair = RouterPair(lab)
    r1, r2 = pair.routers
    config = {"version": 3, "advert": 0.3, "vips": (f"{VIP}/64",)}
    master = under_test(r1, instance(priority=200, **config))
    wait_for(lambda: r1.holds(VIP), "r1 holds the address")
    seen = pair.client.directory / "reports.txt"
    pair.client.start(["tcpdump", "-l", "-n", "-i", "eth0", REPORTS], seen)
    wait_for(lambda: seen.exists() and "listening on" in seen.read_text(), "tcpdump")

    def reports():
        return seen.read_text().count("multicast listener report")

    backup = under_test(r2, instance(priority=100, extra="use_vmac", **config))
    backup.wait_log("Entering BACKUP STATE")
    wait_for(lambda: VMAC in r2.run("ip -o -d link show type macvlan"), "r2's link with the virtual MAC")
    stays(lambda: reports() == 0, "no reports from the backup", 4)
    master.stop()
    wait_for(lambda: r2.holds(VIP), "r2 takes over")
    wait_for(lambda: reports() > 0, "the new master's reports", 30)
