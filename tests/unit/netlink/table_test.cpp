#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "netlink/netlink.h"

namespace xd::netlink {
namespace {

using ::testing::IsEmpty;

Link link(int index, const std::string& name, bool up) {
  Link out;
  out.index = index;
  out.name = name;
  out.up = out.running = up;
  return out;
}

Address address(int index, const std::string& prefix) {
  Address out;
  out.index = index;
  out.prefix = *IpPrefix::parse(prefix);
  return out;
}

template <typename Value>
bool tells(Table& table, Value value) {
  Change change = std::move(value);
  return apply(table, change);
}

TEST(Table, takesAChangeAndSaysWhetherItIsNews) {
  Table table;
  EXPECT_TRUE(tells(table, LinkChanged{link(2, "eth0", true)}));
  EXPECT_FALSE(tells(table, LinkChanged{link(2, "eth0", true)}));
  EXPECT_TRUE(tells(table, LinkChanged{link(2, "eth0", false)}));
  EXPECT_EQ(table.link("eth0")->index, 2);
  EXPECT_FALSE(table.link("eth0")->usable());
  EXPECT_TRUE(tells(table, AddressChanged{address(2, "192.0.2.1/24")}));
  EXPECT_FALSE(tells(table, AddressGone{address(2, "192.0.2.1/32")})) << "another prefix length is another address";
  EXPECT_TRUE(tells(table, AddressGone{address(2, "192.0.2.1/24")}));
  EXPECT_FALSE(tells(table, AddressGone{address(2, "192.0.2.1/24")}));
}

TEST(Table, completesAFarewellWithWhatWasKnown) {
  Table table;
  tells(table, LinkChanged{link(2, "eth0", true)});
  Change gone = LinkGone{link(2, "", false)};
  EXPECT_TRUE(apply(table, gone));
  EXPECT_EQ(std::get<LinkGone>(gone).link.name, "eth0");
}

TEST(Difference, isEmptyBetweenEqualTablesHoweverTheyCameAbout) {
  Table a;
  tells(a, LinkChanged{link(2, "eth0", true)});
  tells(a, AddressChanged{address(2, "192.0.2.1/24")});
  tells(a, AddressChanged{address(2, "192.0.2.2/24")});
  Table b;
  tells(b, AddressChanged{address(2, "192.0.2.2/24")});
  tells(b, AddressChanged{address(2, "192.0.2.1/24")});
  tells(b, LinkChanged{link(2, "eth0", true)});
  EXPECT_THAT(difference(a, b), IsEmpty()) << "an overflow without a change is no event";
}

TEST(Difference, turnsOneTableIntoTheOther) {
  Table before;
  tells(before, LinkChanged{link(2, "eth0", true)});
  tells(before, LinkChanged{link(3, "eth1", true)});
  tells(before, AddressChanged{address(3, "192.0.2.1/24")});
  Table after;
  tells(after, LinkChanged{link(2, "eth0", false)});
  tells(after, AddressChanged{address(2, "192.0.2.9/24")});
  auto changes = difference(before, after);
  EXPECT_EQ(changes.size(), 4u);
  for (auto& change : changes) apply(before, change);
  EXPECT_THAT(difference(before, after), IsEmpty());
}

}  // namespace
}  // namespace xd::netlink
