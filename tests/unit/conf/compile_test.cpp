// What statements mean: defaults, inheritance, corrections.
#include "conf/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "conf/mark_match.h"
#include "conf/print.h"

namespace xd::conf {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Compiled compiled(const std::string& text, Options options = {}) {
  options.host_name = "director.example";
  Compiled c = compile_text("/etc/keepalived/keepalived.conf", text, options);
  // Whatever a text means, the printed model means the same.
  if (c.usable()) {
    EXPECT_TRUE(compile_text("/printed.conf", print(c.model), options).model == c.model) << print(c.model);
  }
  return c;
}

std::string instance(const std::string& inside, const std::string& name = "VI_1", int vrid = 51) {
  return "vrrp_instance " + name + " {\n interface eth0\n virtual_router_id " + std::to_string(vrid) + "\n virtual_ipaddress {\n 192.0.2." +
         std::to_string(vrid) + "/24\n }\n" + inside + "}\n";
}

VrrpInstance the_instance(const std::string& inside, const std::string& before = {}) {
  Compiled c = compiled(before + instance(inside));
  EXPECT_THAT(c.model.vrrp_instances, SizeIs(1)) << c.diagnostics.render();
  return c.model.vrrp_instances.empty() ? VrrpInstance{} : c.model.vrrp_instances[0];
}

std::string server(const std::string& inside, const std::string& real = {}) {
  return "virtual_server 192.0.2.10 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n" + inside + " real_server 198.51.100.1 8080 {\n" +
         real + " }\n}\n";
}

// ---- text

TEST(Text, BracesMayStandAnywhere) {
  const std::string expected = print(compiled(instance("")).model);
  EXPECT_EQ(print(compiled("vrrp_instance VI_1\n\n{\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress{192.0.2.51/24}}").model),
            expected);
  EXPECT_EQ(print(compiled("vrrp_instance VI_1 { interface eth0 # lan\n\tvirtual_router_id \"51\" ! note\r\n "
                           "virtual_ipaddress\n # here\n {\n192.0.2.51/24\n} }\n")
                      .model),
            expected);
}

TEST(Text, CommentSignsDoNotCountInQuotesOrBehindABackslash) {
  EXPECT_EQ(compiled("global_defs {\n router_id \"a#b!c\" # comment\n}\n").model.global.router_id, "a#b!c");
  EXPECT_EQ(compiled("global_defs {\n router_id a\\#b\\!c#comment\n}\n").model.global.router_id, "a#b!c");
}

TEST(Text, DefinitionsAreReplacedAlsoInsideEachOther) {
  const Compiled c = compiled(
      "$NET=192.0.2\n$VIP=${NET}.7/24\n$BODY=interface eth0\\\n virtual_router_id 9\nvrrp_instance A {\n $BODY\n "
      "virtual_ipaddress {\n $VIP\n }\n}\n");
  ASSERT_THAT(c.model.vrrp_instances, SizeIs(1));
  EXPECT_EQ(c.model.vrrp_instances[0].addresses[0].prefix.str(), "192.0.2.7/24");
  EXPECT_THAT(c.diagnostics.all(), IsEmpty()) << c.diagnostics.render();
}

TEST(Text, LinesOfAnotherNodeDoNotCount) {
  const std::string text =
      instance("@high priority 200\n@low priority 50\n@^low nopreempt\n") + "@low vrrp_instance other {\n interface eth1\n}\n";
  Options options;
  options.config_id = "high";
  const Compiled high = compiled(text, options);
  ASSERT_THAT(high.model.vrrp_instances, SizeIs(1)) << high.diagnostics.render();
  EXPECT_EQ(high.model.vrrp_instances[0].priority, 200);
  EXPECT_TRUE(high.model.vrrp_instances[0].nopreempt);
  options.config_id = "low";
  EXPECT_THAT(compile_text("/k", text, options).diagnostics.render(), HasSubstr("vrrp_instance other needs a virtual_router_id"));
}

// ---- VRRP

TEST(Priority, DefaultsDependOnTheState) {
  EXPECT_EQ(the_instance("").priority, 100);
  EXPECT_EQ(the_instance("state MASTER\n").priority, 255);
  EXPECT_EQ(the_instance("state MASTER\npriority 300\n").priority, 100) << "a mistake makes no owner";
  EXPECT_EQ(the_instance("priority 255\n").initial_state, WantedState::master);
  EXPECT_EQ(the_instance("priority 255\nstate BACKUP\n").initial_state, WantedState::backup);
}

TEST(Preempt, ContradictionsAreCleared) {
  EXPECT_TRUE(the_instance("nopreempt\n").nopreempt);
  EXPECT_FALSE(the_instance("nopreempt\nstate MASTER\npriority 100\n").nopreempt);
  EXPECT_FALSE(the_instance("nopreempt\npriority 255\n").nopreempt);
  EXPECT_EQ(the_instance("preempt_delay 5\n").preempt_delay, 5s);
  EXPECT_EQ(the_instance("preempt_delay 5\nnopreempt\n").preempt_delay, 0s);
}

TEST(AdvertInterval, IsRoundedToWhatTheVersionCanSay) {
  EXPECT_EQ(the_instance("advert_int 0.3\n").advert_interval, 1s);
  EXPECT_EQ(the_instance("advert_int 1.5\n").advert_interval, 2s);
  EXPECT_EQ(the_instance("version 3\nadvert_int 0.123\n").advert_interval, 120ms);
  EXPECT_EQ(the_instance("version 3\nadvert_int 41\n").advert_interval, 40950ms);
  EXPECT_EQ(the_instance("advert_int 0.1\n", "global_defs {\n vrrp_version 3\n}\n").advert_interval, 100ms);
}

TEST(Authentication, BelongsToVersion2) {
  const auto pass = the_instance("authentication {\n auth_type PASS\n auth_pass 1111\n}\n").authentication;
  EXPECT_EQ(pass.type, AuthType::pass);
  EXPECT_EQ(pass.data, (std::array<std::uint8_t, 8>{'1', '1', '1', '1'}));
  EXPECT_EQ(the_instance("version 3\nauthentication {\n auth_type PASS\n auth_pass 1111\n}\n").authentication, Authentication{});
  EXPECT_EQ(the_instance("authentication {\n auth_type PASS\n auth_pass 123456789\n}\n").authentication.data.back(), '8');
}

TEST(Garp, InstanceThenGlobalThenDefault) {
  EXPECT_EQ(the_instance("").garp, GarpSettings{});
  const auto garp =
      the_instance("garp_master_repeat 7\n", "global_defs {\n vrrp_garp_master_delay 9\n vrrp_garp_master_repeat 2\n}\n").garp;
  EXPECT_EQ(garp.repeat, 7u);
  EXPECT_EQ(garp.delay, 9s);
  EXPECT_EQ(garp.lower_prio_repeat, 7u) << "follows the instance's own";
  EXPECT_EQ(the_instance("", "global_defs {\n vrrp_min_garp\n}\n").garp.repeat, 1u);
}

TEST(Addresses, OptionsAndFamilies) {
  const auto i = the_instance("virtual_ipaddress_excluded {\n 192.0.2.99 dev eth1 label eth1:9 scope link brd + no_track\n}\n");
  ASSERT_THAT(i.excluded_addresses, SizeIs(1));
  const VirtualAddress& a = i.excluded_addresses[0];
  EXPECT_EQ(a.prefix.length, 32);
  EXPECT_EQ(a.interface, "eth1");
  EXPECT_EQ(a.label, "eth1:9");
  EXPECT_EQ(a.scope, 253);
  EXPECT_EQ(a.broadcast->str(), "192.0.2.99");
  EXPECT_TRUE(a.no_track);
  const Compiled six = compiled(
      "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n version 3\n virtual_ipaddress {\n fe80::1/64\n "
      "2001:db8::1/64\n 192.0.2.1\n }\n}\n");
  EXPECT_EQ(six.model.vrrp_instances[0].family, AF_INET6);
  EXPECT_THAT(six.model.vrrp_instances[0].addresses, SizeIs(2));
}

TEST(Addresses, WhatDoesNotFitInAnAdvertIsExcluded) {
  std::string many;
  for (int i = 0; i < 300; ++i) many += "10.0." + std::to_string(i / 200) + "." + std::to_string(i % 200 + 1) + "\n";
  const Compiled c = compiled("vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n" + many + "}\n}\n");
  EXPECT_THAT(c.model.vrrp_instances[0].addresses, SizeIs(255));
  EXPECT_THAT(c.model.vrrp_instances[0].excluded_addresses, SizeIs(45));
}

const char* const script =
    "vrrp_script chk {\n script \"/bin/chk 'two words'\" nobody\n interval 0.5\n weight -20\n user nobody users\n}\n";

TEST(Scripts, ReferencesTakeTheScriptsWeightUnlessTheySayTheirOwn) {
  const Compiled c =
      compiled(script + instance("track_script {\n chk\n}\n") + instance("track_script {\n chk weight 5 reverse\n}\n", "VI_2", 52));
  ASSERT_THAT(c.model.vrrp_scripts, SizeIs(1));
  EXPECT_EQ(c.model.vrrp_scripts[0].script.words, (std::vector<std::string>{"/bin/chk", "two words"}));
  EXPECT_EQ(c.model.vrrp_scripts[0].script.group, "users");
  EXPECT_EQ(c.model.vrrp_instances[0].track_scripts, (std::vector<Track>{{"chk", -20, false}}));
  EXPECT_EQ(c.model.vrrp_instances[1].track_scripts, (std::vector<Track>{{"chk", 5, true}}));
}

TEST(Scripts, AReverseOfTheScriptStaysUnderAnotherWeightUnlessTheReferenceSaysNoreverse) {
  const std::string reversed = "vrrp_script chk {\n script /bin/chk\n weight 20 reverse\n}\n";
  const Compiled c = compiled(reversed + instance("track_script {\n chk weight 5\n}\n") +
                              instance("track_script {\n chk weight 5 noreverse\n}\n", "VI_2", 52));
  EXPECT_EQ(c.model.vrrp_instances[0].track_scripts, (std::vector<Track>{{"chk", 5, true}}));
  EXPECT_EQ(c.model.vrrp_instances[1].track_scripts, (std::vector<Track>{{"chk", 5, false}}));
}

TEST(Scripts, CommandsMayStandInSingleQuotesToo) {
  const Compiled c = compiled("vrrp_script chk {\n script 'killall -0 \"a b\"'\n}\n" + instance("notify_master '/bin/x y' nobody\n") +
                              "vrrp_track_process p {\n process '/a b' c \"d e\"\n}\n");
  EXPECT_EQ(c.model.vrrp_scripts[0].script.words, (std::vector<std::string>{"killall", "-0", "a b"}));
  EXPECT_EQ(c.model.vrrp_instances[0].notify.master.words, (std::vector<std::string>{"/bin/x", "y"}));
  EXPECT_EQ(c.model.vrrp_instances[0].notify.master.user, "nobody");
  EXPECT_EQ(c.model.track_processes[0].words, (std::vector<std::string>{"/a b", "c", "d e"}));
}

TEST(Scripts, OneThatCannotRunIsNotTracked) {
  Options options;
  options.script_problem = [](const Script& s) { return s.words[0] + " is not an executable file"; };
  const Compiled c = compiled(script + instance("track_script {\n chk\n}\n"), options);
  EXPECT_THAT(c.model.vrrp_scripts, IsEmpty());
  EXPECT_THAT(c.model.vrrp_instances[0].track_scripts, IsEmpty());
  EXPECT_EQ(config_test_exit_code(c), 5);
}

TEST(Scripts, WithoutScriptSecurityTheTestSaysSix) {
  Options options;
  options.script_problem = [](const Script&) { return std::string(); };
  const std::string text = script + instance("track_script {\n chk\n}\n");
  EXPECT_EQ(config_test_exit_code(compiled(text, options)), 6);
  EXPECT_EQ(config_test_exit_code(compiled("global_defs {\n enable_script_security\n}\n" + text, options)), 0);
}

TEST(SyncGroup, WeightsOfMembersDoNotCountUnlessAllowed) {
  const std::string members =
      script + instance("track_script {\n chk\n}\ntrack_interface {\n eth1 weight 5\n}\n") + instance("", "VI_2", 52);
  const Compiled strict = compiled(members + "vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}\n");
  EXPECT_THAT(strict.model.vrrp_instances[0].track_scripts, IsEmpty());
  EXPECT_EQ(strict.model.vrrp_instances[0].track_interfaces, (std::vector<Track>{{"eth1", 0, false}}));
  const Compiled allowed = compiled(members + "vrrp_sync_group G {\n sync_group_tracking_weight\n group {\n VI_1\n VI_2\n }\n}\n");
  EXPECT_THAT(allowed.model.vrrp_instances[0].track_scripts, SizeIs(1));
}

TEST(SyncGroup, AnInstanceBelongsToOne) {
  const Compiled c = compiled(instance("") + instance("", "VI_2", 52) +
                              "vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}\nvrrp_sync_group H {\n group {\n VI_2\n}\n}\n");
  ASSERT_THAT(c.model.vrrp_sync_groups, SizeIs(1));
  EXPECT_EQ(c.model.vrrp_sync_groups[0].members, (std::vector<std::string>{"VI_1", "VI_2"}));
}

// ---- virtual servers

TEST(Checker, InheritsFromRealServerVirtualServerAndGlobal) {
  const Compiled c = compiled(server(" delay_loop 6\n connect_timeout 4\n retry 9\n virtualhost vs\n",
                                     " retry 2\n delay_before_retry 7\n virtualhost rs\n TCP_CHECK {\n connect_timeout "
                                     "1.5\n }\n HTTP_GET {\n url {\n path /\n }\n }\n") +
                              "global_defs {\n checker_log_all_failures\n smtp_alert off\n}\n");
  const RealServer& r = c.model.virtual_servers[0].real_servers[0];
  ASSERT_THAT(r.checkers, SizeIs(2));
  EXPECT_EQ(r.checkers[0].connection.connect_timeout, 1500ms);
  EXPECT_EQ(r.checkers[1].connection.connect_timeout, 4s);
  const CheckSchedule expected{
      .delay_loop = 6s, .retry = 2, .delay_before_retry = 7s, .warmup = 6s, .alpha = false, .log_all_failures = true};
  EXPECT_EQ(r.checkers[0].schedule, expected);
  EXPECT_EQ(std::get<HttpCheck>(r.checkers[1].check).virtualhost, "rs");
  EXPECT_FALSE(r.smtp_alert);
}

TEST(Checker, TypesHaveTheirOwnDefaults) {
  const Compiled c = compiled(server("", " TCP_CHECK {\n }\n SSL_GET {\n url {\n path /\n status_code 200 300-399\n }\n }\n"));
  const RealServer& r = c.model.virtual_servers[0].real_servers[0];
  EXPECT_EQ(r.checkers[0].schedule, CheckSchedule{});
  EXPECT_EQ(r.checkers[1].schedule.delay_before_retry, 3s);
  const auto& check = std::get<HttpCheck>(r.checkers[1].check);
  EXPECT_TRUE(check.tls);
  EXPECT_EQ(check.urls[0].status_codes, (std::vector<StatusRange>{{200, 200}, {300, 399}}));
}

TEST(VirtualServer, WhatIsMissingIsFilledInAsKeepalivedDoes) {
  const Compiled c = compiled("virtual_server 192.0.2.10 80 {\n real_server 198.51.100.1 80 {\n }\n}\n");
  const VirtualServer& v = c.model.virtual_servers[0];
  EXPECT_EQ(v.key.protocol, lvs::Protocol::udp);
  EXPECT_EQ(v.scheduler, lvs::Scheduler::wlc);
  EXPECT_EQ(v.forward, lvs::Forward::nat);
  EXPECT_EQ(config_test_exit_code(c), 5);
}

TEST(VirtualServer, PersistenceHasADefault) {
  EXPECT_EQ(compiled(server(" persistence_timeout\n")).model.virtual_servers[0].persistence_seconds, 360u);
  EXPECT_EQ(compiled(server(" persistence_timeout 600\n")).model.virtual_servers[0].persistence_seconds, 600u);
  const VirtualServer v = compiled(server(" persistence_granularity 255.255.255.0\n")).model.virtual_servers[0];
  EXPECT_EQ(v.persistence_seconds, 360u);
  EXPECT_EQ(v.persistence_mask, 24u);
}

TEST(VirtualServer, ByMarkOrWithoutPort) {
  const Compiled c = compiled(
      "virtual_server fwmark 7 {\n lb_algo sh\n sh-port\n lb_kind DR\n real_server 198.51.100.1 {\n }\n}\n"
      "virtual_server 2001:db8::1 443 {\n lb_algo mh\n lb_kind TUN\n protocol TCP\n real_server 198.51.100.1 443 {\n "
      "weight 0\n }\n real_server 2001:db8::2 {\n }\n}\n");
  ASSERT_THAT(c.model.virtual_servers, SizeIs(2)) << c.diagnostics.render();
  EXPECT_EQ(c.model.virtual_servers[0].key.fwmark, 7u);
  EXPECT_EQ(c.model.virtual_servers[0].scheduler_flags, std::uint32_t{lvs::sh_port});
  EXPECT_EQ(c.model.virtual_servers[1].real_servers[1].endpoint.port, 443);
}

TEST(VirtualServer, QuorumIsNoMoreThanTheServersWeigh) {
  const VirtualServer v = compiled(server(" quorum 9\n hysteresis 9\n", " weight 3\n")).model.virtual_servers[0];
  EXPECT_EQ(v.quorum, 3u);
  EXPECT_EQ(v.hysteresis, 2u);
}

TEST(VirtualServer, SorryServer) {
  const VirtualServer v =
      compiled(server(" sorry_server 198.51.100.9 81\n sorry_server_inhibit\n inhibit_on_failure\n")).model.virtual_servers[0];
  ASSERT_TRUE(v.sorry_server);
  EXPECT_EQ(v.sorry_server->endpoint.str(), "198.51.100.9:81");
  EXPECT_TRUE(v.sorry_server->inhibit);
  EXPECT_TRUE(v.real_servers[0].inhibit_on_failure);
}

TEST(Xdirector, TellsThePacketsOfAFirewallMark) {
  const auto with = [](const std::string& lines) {
    return compiled("virtual_server fwmark 7 {\n lb_kind DR\n real_server 198.51.100.1 {\n }\n}\n" + server("") +
                    "xdirector {\n drop_entry 2\n virtual_server fwmark 7 {\n" + lines + " }\n}\n");
  };
  const Compiled c = with(" match 192.0.2.20/31 tcp 80-81\n match 192.0.2.30\n match 192.0.2.10 udp\n");
  const std::size_t usual = with("").diagnostics.all().size();
  EXPECT_EQ(c.diagnostics.all().size(), usual);
  EXPECT_EQ(c.model.xdirector.drop_entry, 2u);
  ASSERT_EQ(c.model.virtual_servers[0].matches.size(), 3u);
  const auto keys = [&](std::size_t i) {
    std::string text;
    for (const auto& key : keys_of(c.model.virtual_servers[0].matches[i])) text += key.str() + " ";
    return text;
  };
  EXPECT_EQ(keys(0), "192.0.2.20:80/tcp 192.0.2.20:81/tcp 192.0.2.21:80/tcp 192.0.2.21:81/tcp ");
  EXPECT_EQ(keys(1), "192.0.2.30:0/tcp 192.0.2.30:0/udp 192.0.2.30:0/sctp ");
  EXPECT_EQ(keys(2), "192.0.2.10:0/udp ");
  EXPECT_THAT(print(c.model), testing::HasSubstr("match 192.0.2.20/31 tcp 80-81\n"));

  for (const auto& [line, said] :
       {std::pair{"match 192.0.2.9 icmp", "match tells no packets; the line is ignored"},
        {"match 192.0.2.9 tcp 80-79", "match tells no packets; the line is ignored"},
        {"match 10.0.0.0/8", "match covers more than 4096 addresses and ports; the line is ignored"},
        {"match 2001:db8::1", ": the real servers of FWM 7 are of the other address family; the line is ignored"},
        {"match 192.0.2.10", ": virtual server 192.0.2.10:80/tcp takes such packets too; the line is ignored"},
        {"match 192.0.2.9\nmatch 192.0.2.9 tcp 5", ": virtual server FWM 7 takes such packets too; the line is ignored"}}) {
    const Compiled wrong = with(std::string(line) + "\n");
    ASSERT_EQ(wrong.diagnostics.all().size(), usual + 1) << line;
    EXPECT_TRUE(std::ranges::any_of(wrong.diagnostics.all(), [said = std::string(said)](const auto& d) {
      return d.message.find(said) != d.message.npos;
    })) << said;
  }
  const Compiled elsewhere = compiled(server("") + "xdirector {\n virtual_server 192.0.2.10 80 {\n match 192.0.2.9\n }\n}\n");
  EXPECT_EQ(elsewhere.diagnostics.all().back().message, "match is for a firewall mark; the line is ignored");
}

TEST(Xdirector, BlockOfItsOwnOrFileOfItsOwn) {
  const Compiled c = compiled(server("") +
                              "xdirector {\n engine xdp\n flows 5000\n interface eth0 {\n mode native\n priority 40\n "
                              "}\n virtual_server 192.0.2.10 80 {\n engine ipvs\n }\n}\n");
  EXPECT_EQ(c.model.xdirector.engine, Engine::xdp);
  EXPECT_EQ(c.model.virtual_servers[0].engine, Engine::ipvs);
  EXPECT_EQ(c.model.xdirector.interfaces, (std::vector<XdpInterface>{{"eth0", XdpMode::native, 40}}));

  Sources sources;
  sources.files = {{"/k.conf", server("")}, {"/x.conf", "xdirector {\n engine ipvs\n}\n"}};
  BundleReader reader(sources);
  Options options;
  options.xdirector_file = "/x.conf";
  EXPECT_EQ(compile("/k.conf", reader, options).model.virtual_servers[0].engine, Engine::ipvs);
}

TEST(Diagnostics, AKeywordWithoutEffectIsReportedOnce) {
  const Compiled c = compiled("global_defs {\n enable_dbus\n}\nglobal_defs {\n enable_dbus\n}\n");
  const std::string said = c.diagnostics.render();
  EXPECT_THAT(said, HasSubstr("accepted, not in effect yet: enable_dbus"));
  EXPECT_EQ(said.find("yet: enable_dbus"), said.rfind("yet: enable_dbus")) << said;
}

TEST(Interfaces, AreAskedForOnlyWhenSomebodyKnows) {
  Options options;
  options.interface_exists = [](const std::string& name) { return name == "lo"; };
  const Compiled c = compiled(instance(""), options);
  EXPECT_FALSE(c.usable());
  EXPECT_THAT(c.diagnostics.render(), HasSubstr("keepalived.conf:2:12: error: interface eth0 of VI_1 does not exist"));
}

TEST(Lint, RealServerThatIsTheVirtualServer) {
  const Compiled c = compiled("virtual_server 10.0.0.1 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 10.0.0.1 80 {\n }\n}\n");
  EXPECT_THAT(c.diagnostics.render(), HasSubstr("is the virtual server itself"));
}

TEST(Lint, UnicastPeerThatIsOurself) {
  const Compiled c = compiled(
      "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n unicast_src_ip 10.0.0.1\n unicast_peer {\n 10.0.0.1\n }\n"
      " virtual_ipaddress {\n 10.0.0.9\n }\n}\n");
  EXPECT_THAT(c.diagnostics.render(), HasSubstr("it would hear itself"));
}

TEST(Tracks, takeTheWeightOfWhatTheyNameUnlessTheyGiveOne) {
  const Compiled c = compiled(
      "vrrp_track_file f {\n file /tmp/f\n weight 3 reverse\n init_file -4 overwrite\n}\n"
      "vrrp_track_process p {\n process /usr/sbin/haproxy -f x\n quorum 2\n delay 1.5\n}\n"
      "bfd_instance d {\n neighbor_ip 192.0.2.9\n min_rx 50\n weight -20\n}\n" +
      instance("track_file {\n f\n}\ntrack_process {\n p weight 10\n}\ntrack_bfd {\n d\n e\n}\n"));
  const VrrpInstance& i = c.model.vrrp_instances.at(0);
  EXPECT_EQ(i.track_files, (std::vector<Track>{{"f", 3, true}}));
  EXPECT_EQ(i.track_processes, (std::vector<Track>{{"p", 10, false}}));
  EXPECT_EQ(i.track_bfds, (std::vector<Track>{{"d", -20, false}})) << "e is not defined";
  const TrackFile& f = c.model.track_files.at(0);
  EXPECT_EQ(f.initial, -4);
  EXPECT_TRUE(f.overwrite);
  const TrackProcess& p = c.model.track_processes.at(0);
  EXPECT_EQ(p.words, (std::vector<std::string>{"/usr/sbin/haproxy", "-f", "x"}));
  EXPECT_TRUE(p.full_command) << "arguments are in the command line only";
  EXPECT_EQ(p.fork_delay, 1500ms);
  EXPECT_EQ(c.model.bfd_instances.at(0).min_rx, 50ms);
  EXPECT_EQ(print(compiled(print(c.model)).model), print(c.model));
}

TEST(Tracks, aWeightOfAFileDoesNotCountForAnOwner) {
  const Compiled c = compiled("track_file f {\n file /tmp/f\n}\ntrack_file g {\n file /tmp/g\n}\n" +
                              instance("priority 255\ntrack_file {\n f\n g weight 7\n}\n"));
  EXPECT_EQ(c.model.vrrp_instances.at(0).track_files, (std::vector<Track>{{"f", 0, false}}));
}

}  // namespace
}  // namespace xd::conf
