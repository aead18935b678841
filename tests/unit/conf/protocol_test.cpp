// auth_hmac, owners, unicast, heartbeat and fence; what is set up around the elections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/compile.h"
#include "conf/print.h"

namespace xd::conf {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string key_a = "0123456789abcdef0123456789abcdef";

Compiled compiled(const std::string& text, const Options& options = {}) {
  Compiled c = compile_text("/etc/keepalived/keepalived.conf", text, options);
  if (c.usable()) {
    EXPECT_TRUE(compile_text("/printed.conf", print(c.model), options).model == c.model) << print(c.model);
  }
  return c;
}

std::string instance(const std::string& inside, const std::string& name = "VI_1") {
  return "vrrp_instance " + name + " {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n 192.0.2.51/24\n }\n" + inside +
         "\n}\n";
}

VrrpInstance the_instance(const std::string& inside) {
  const Compiled c = compiled(instance(inside));
  EXPECT_THAT(c.model.vrrp_instances, SizeIs(1)) << c.diagnostics.render();
  return c.model.vrrp_instances.empty() ? VrrpInstance{} : c.model.vrrp_instances[0];
}

std::string said(const std::string& inside) { return compiled(instance(inside)).diagnostics.render(); }

TEST(AuthHmacBlock, KeysAreTextHexOrAFile) {
  Options options;
  options.key_file_problem = [](const std::string& path) {
    return path == "/good" ? std::string() : "key file " + path + ": No such file";
  };
  const auto c = compiled(instance("auth_hmac {\n key 1 " + key_a + "\n key 2 hex:" + std::string(64, 'a') +
                                   "\n key 3 file:/good\n key 4 file:/bad\n active_key 2\n}"),
                          options);
  const AuthHmac& h = c.model.vrrp_instances.at(0).auth_hmac;
  ASSERT_THAT(h.keys, SizeIs(3));
  EXPECT_EQ(h.keys[0].secret, key_a);
  EXPECT_EQ(h.keys[1].secret, std::string(32, '\xaa'));
  EXPECT_EQ(h.keys[2].file, "/good");
  EXPECT_EQ(h.active_key, 2);
  EXPECT_THAT(c.diagnostics.render(), HasSubstr("key file /bad: No such file; the key is ignored"));
}

TEST(AuthHmacBlock, TheWindowIsThreeIntervalsAndFiveSecondsAtLeast) {
  const std::string keys = "auth_hmac {\n key 1 " + key_a + "\n";
  EXPECT_EQ(the_instance(keys + "}").auth_hmac.time_window, 5s);
  EXPECT_EQ(the_instance(keys + "}\nadvert_int 7").auth_hmac.time_window, 21s);
  EXPECT_EQ(the_instance(keys + "}\nadvert_int 200").auth_hmac.time_window, 300s);
  EXPECT_EQ(the_instance(keys + "time_window 2\n}").auth_hmac.time_window, 2s);
}

TEST(AuthHmacBlock, WhatIsWrongIsSaid) {
  EXPECT_THAT(said("auth_hmac {\n key 1 short\n}"), HasSubstr("a key has 32 to 64 bytes, this one 5"));
  EXPECT_THAT(said("auth_hmac {\n key 300 " + key_a + "\n}"), HasSubstr("key number 300 is outside 1-255"));
  EXPECT_THAT(said("auth_hmac {\n key 1 hex:xyz\n}"), HasSubstr("not written in pairs of hexadecimal digits"));
  EXPECT_THAT(said("auth_hmac {\n key 1 " + key_a + "\n key 1 " + key_a + "\n}"), HasSubstr("key 1 is given twice"));
  EXPECT_THAT(said("auth_hmac {\n key 1 " + key_a + "\n key 2 " + key_a + "\n}"),
              HasSubstr("several keys, but no active_key; key 1 is used for sending"));
  EXPECT_THAT(said("auth_hmac {\n key 1 " + key_a + "\n active_key 9\n}"), HasSubstr("there is no key 9"));
  EXPECT_FALSE(the_instance("auth_hmac {\n}").auth_hmac);
}

TEST(AuthHmacBlock, ItTakesThePlaceOfAuthentication) {
  const std::string both = "authentication {\n auth_type PASS\n auth_pass x\n}\nauth_hmac {\n key 1 " + key_a + "\n}";
  EXPECT_EQ(the_instance(both).authentication.type, AuthType::none);
  EXPECT_TRUE(the_instance(both).auth_hmac);
  EXPECT_THAT(said(both), HasSubstr("takes the place of authentication"));
}

TEST(AuthHmacBlock, StrictModeEnforces) {
  const auto i = the_instance("strict_mode true\nauth_hmac {\n key 1 " + key_a + "\n mode permissive\n}");
  EXPECT_EQ(i.auth_hmac.mode, AuthHmac::Mode::enforce);
}

TEST(Protocol, OwnersIgnoreAdvertsWhenTheyAreStrictOrToldTo) {
  EXPECT_FALSE(the_instance("").owner_ignores_adverts);
  EXPECT_TRUE(the_instance("strict_mode true").owner_ignores_adverts);
  EXPECT_TRUE(the_instance("owner_ignore_adverts true").owner_ignores_adverts);
  EXPECT_FALSE(the_instance("owner_ignore_adverts false").owner_ignores_adverts);
  const auto c = compiled("global_defs {\n vrrp_owner_ignore_adverts true\n}\n" + instance("owner_ignore_adverts false"));
  EXPECT_FALSE(c.model.vrrp_instances.at(0).owner_ignores_adverts);
}

TEST(Protocol, TimerExpiredBackupNeedsNopreempt) {
  EXPECT_EQ(the_instance("nopreempt\ntimer_expired_backup").timer_expired_backup, 254);
  EXPECT_EQ(the_instance("nopreempt\ntimer_expired_backup 120").timer_expired_backup, 120);
  EXPECT_EQ(the_instance("timer_expired_backup 120").timer_expired_backup, 0);
}

TEST(Protocol, TheOldChecksumIsAlwaysNeverOrAsThePeers) {
  EXPECT_EQ(the_instance("unicast_peer {\n 192.0.2.2\n}").old_unicast_checksum, OldChecksum::automatic);
  EXPECT_EQ(the_instance("unicast_peer {\n 192.0.2.2\n}\nold_unicast_checksum").old_unicast_checksum, OldChecksum::always);
  EXPECT_EQ(the_instance("unicast_peer {\n 192.0.2.2\n}\nold_unicast_checksum never").old_unicast_checksum, OldChecksum::never);
}

TEST(GlobalDefs, ProgramsAndMasksOfTheDaemonItself) {
  const Global g = compiled(
                       "global_defs {\n startup_script \"/bin/true up\"\n startup_script_timeout 3\n shutdown_script /bin/false\n umask "
                       "IWGRP|IRWXO\n}\n")
                       .model.global;
  EXPECT_THAT(g.startup_script.script.words, ElementsAre("/bin/true", "up"));
  EXPECT_EQ(g.startup_script.timeout, 3s);
  EXPECT_EQ(g.shutdown_script.timeout, 10s);
  EXPECT_EQ(g.umask, 027u);
  EXPECT_EQ(compiled("global_defs {\n umask 022\n}\n").model.global.umask, 022u);
}

TEST(GlobalDefs, TheSyncDaemonInBothForms) {
  const auto daemon = [](const std::string& line) {
    return compiled("global_defs {\n lvs_sync_daemon " + line + "\n}\n" + instance("")).model.global.lvs_sync_daemon;
  };
  const auto full = daemon("eth1 inst VI_1 id 7 maxlen 1400 port 8848 ttl 2 group 224.0.0.81");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->interface, "eth1");
  EXPECT_EQ(full->instance, "VI_1");
  EXPECT_EQ(full->id, 7);
  EXPECT_EQ(full->maxlen, 1400);
  EXPECT_EQ(full->ttl, 2);
  const auto old = daemon("eth1 VI_1 9");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->instance, "VI_1");
  EXPECT_EQ(old->id, 9);
  EXPECT_FALSE(daemon("eth1 inst VI_9")) << "there is no such instance";
  EXPECT_FALSE(daemon("eth1 id 300"));
}

TEST(XdirectorBlock, HeartbeatAndFenceBelongToInstances) {
  const auto c = compiled(instance("") +
                          "xdirector {\n heartbeat VI_1 {\n interface eth1 unicast 10.0.9.2 10.0.9.3\n interface eth2\n }\n fence VI_1 "
                          "\"/sbin/stonith peer\" 30\n}\n");
  const Xdirector& x = c.model.xdirector;
  ASSERT_THAT(x.heartbeats, SizeIs(1));
  ASSERT_THAT(x.heartbeats[0].paths, SizeIs(2));
  EXPECT_THAT(x.heartbeats[0].paths[0].peers, SizeIs(2));
  EXPECT_THAT(x.heartbeats[0].paths[1].peers, IsEmpty());
  ASSERT_THAT(x.fences, SizeIs(1));
  EXPECT_THAT(x.fences[0].script.script.words, ElementsAre("/sbin/stonith", "peer"));
  EXPECT_EQ(x.fences[0].script.timeout, 30s);
  EXPECT_THAT(compiled(instance("") + "xdirector {\n fence VI_9 /bin/true\n}\n").diagnostics.render(),
              HasSubstr("VI_9 is no vrrp_instance"));
}

}  // namespace
}  // namespace xd::conf
