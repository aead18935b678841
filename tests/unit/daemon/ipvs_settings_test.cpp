// What the packet path follows of net.ipv4.vs.*, and what is left to IPVS for what is set there.
#include "daemon/ipvs_settings.h"

#include <gtest/gtest.h>

#include <map>

namespace xd::daemon {
namespace {

ReadSetting set(std::map<std::string, std::uint32_t> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::uint32_t> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(IpvsSettings, WithoutAnyTheyAreIpvssOwnDefaults) { EXPECT_EQ(path_settings({}, set({})), PathSettings{}); }

TEST(IpvsSettings, FollowWhatTheKernelHasUnlessALineSaysOtherwise) {
  const auto kernel = set({{"vs/conn_reuse_mode", 0},
                           {"vs/expire_nodest_conn", 1},
                           {"vs/sloppy_tcp", 1},
                           {"vs/sloppy_sctp", 1},
                           {"vs/drop_entry", 3},
                           {"vs/amemthresh", 4096},
                           {"vs/lblc_expiration", 60},
                           {"route/mtu_expires", 30}});
  conf::Xdirector wanted;
  const PathSettings followed = path_settings(wanted, kernel);
  EXPECT_EQ(followed.behaviour.conn_reuse_mode, 0u);
  EXPECT_TRUE(followed.behaviour.expire_nodest_conn);
  EXPECT_FALSE(followed.behaviour.expire_quiescent_template);
  EXPECT_TRUE(followed.behaviour.sloppy_tcp && followed.behaviour.sloppy_sctp);
  EXPECT_EQ(followed.drop_entry, 3u);
  EXPECT_EQ(followed.amemthresh, 4096u);
  EXPECT_EQ(followed.behaviour.lblc_expiration, 60s);
  EXPECT_EQ(followed.behaviour.lblcr_expiration, 24h);
  EXPECT_EQ(followed.behaviour.mtu_expires, 30s);

  wanted.conn_reuse_mode = 2;
  wanted.expire_nodest_conn = false;
  wanted.sloppy_tcp = false;
  wanted.drop_entry = 0;
  const PathSettings told = path_settings(wanted, kernel);
  EXPECT_EQ(told.behaviour.conn_reuse_mode, 2u);
  EXPECT_FALSE(told.behaviour.expire_nodest_conn);
  EXPECT_FALSE(told.behaviour.sloppy_tcp);
  EXPECT_EQ(told.drop_entry, 0u);
}

lvs::Service by(lvs::Forward forward) {
  lvs::Service service;
  service.destinations[{*IpAddress::parse("10.0.0.1"), 80}].forward = forward;
  return service;
}

TEST(IpvsSettings, WhatOnlyIpvsCanDoIsLeftToIt) {
  EXPECT_EQ(left_to_ipvs({}, set({{"vs/conntrack", 0}, {"vs/pmtu_disc", 1}}))(by(lvs::Forward::tun)), std::nullopt);
  EXPECT_EQ(left_to_ipvs({}, set({{"vs/conntrack", 1}}))(by(lvs::Forward::dr)),
            "net.ipv4.vs.conntrack is on, and netfilter sees no packet that XDP sends on");
  const auto fragments = left_to_ipvs({}, set({{"vs/pmtu_disc", 0}}));
  EXPECT_EQ(fragments(by(lvs::Forward::nat)), std::nullopt);
  EXPECT_EQ(fragments(by(lvs::Forward::tun)), "net.ipv4.vs.pmtu_disc is off, and XDP cannot send a tunnel's packets in fragments");
  conf::Global global;
  global.lvs_sync_daemon.emplace();
  EXPECT_EQ(left_to_ipvs(global, set({}))(by(lvs::Forward::dr)),
            "lvs_sync_daemon tells other directors of the connections of IPVS, and not of those in XDP");
}

}  // namespace
}  // namespace xd::daemon
