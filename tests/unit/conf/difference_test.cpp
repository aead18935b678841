// What a reload would change.
#include "conf/difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/compile.h"

namespace xd::conf {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string instance = R"(vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 51
  priority 100
  virtual_ipaddress {
    192.0.2.1/24
  }
}
)";
const std::string service = R"(virtual_server 10.0.0.1 80 {
  lb_algo rr
  lb_kind NAT
  protocol TCP
  real_server 10.1.0.1 80 {
    weight 1
    TCP_CHECK {
    }
  }
  real_server 10.1.0.2 80 {
    weight 1
    TCP_CHECK {
    }
  }
}
)";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

std::vector<Change> between(const std::string& running, const std::string& wanted) {
  return difference(compile_text("/a.conf", running).model, compile_text("/b.conf", wanted).model);
}

TEST(Difference, OfTheSameTextIsNothing) {
  EXPECT_THAT(between(instance + service, instance + service), IsEmpty());
  EXPECT_EQ(render(std::vector<Change>{}), "nothing to do\n");
}

TEST(Difference, NamesTheStatementAndTheElectionItTouches) {
  const auto changes = between(instance, replaced(instance, "priority 100", "priority 150"));
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].object, "vrrp_instance VI_1");
  EXPECT_THAT(changes[0].before, ElementsAre("priority 100"));
  EXPECT_THAT(changes[0].after, ElementsAre("priority 150"));
  EXPECT_THAT(changes[0].effect, HasSubstr("election"));
}

TEST(Difference, AnotherRouterIdIsAnotherRouter) {
  const auto changes = between(instance, replaced(instance, "51", "52"));
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_THAT(changes[0].effect, HasSubstr("another virtual router"));
}

TEST(Difference, TellsOfRealServersByName) {
  const std::string wanted = replaced(replaced(service, "10.1.0.2", "10.1.0.3"), "weight 1", "weight 5");
  const auto changes = between(service, wanted);
  ASSERT_THAT(changes, SizeIs(3));
  EXPECT_EQ(changes[0].object, "real_server 10.1.0.1:80 of 10.0.0.1:80/tcp");
  EXPECT_THAT(changes[0].after, ElementsAre("weight 5"));
  EXPECT_EQ(changes[0].effect, "");
  EXPECT_EQ(changes[1].kind, ChangeKind::add);
  EXPECT_EQ(changes[1].object, "real_server 10.1.0.3:80 of 10.0.0.1:80/tcp");
  EXPECT_EQ(changes[2].kind, ChangeKind::remove);
  EXPECT_EQ(changes[2].effect, "its connections are cut");
}

TEST(Difference, TellsOfServicesAndInstancesThatComeAndGo) {
  const auto changes = between(instance, service);
  EXPECT_EQ(render(changes),
            "remove vrrp_instance VI_1: it says priority 0 and gives its addresses up\n"
            "add virtual_server 10.0.0.1:80/tcp with 2 real servers\n");
}

}  // namespace
}  // namespace xd::conf
