#include "conf/keywords.h"

#include <gtest/gtest.h>

#include <set>

#include "conf/builder.h"

namespace xd::conf {
namespace {

TEST(Keywords, EachIsListedOnceInItsBlock) {
  std::set<std::pair<Block, std::string_view>> seen;
  for (const Keyword& k : keywords()) EXPECT_TRUE(seen.emplace(k.block, k.name).second) << info(k.block).path << "/" << k.name;
}

TEST(Keywords, EachSaysWhatItIsFor) {
  for (const Keyword& k : keywords()) {
    EXPECT_FALSE(k.help.empty()) << k.name;
    EXPECT_LE(k.argument.minimum, k.argument.maximum) << k.name;
  }
}

TEST(Keywords, EachRuleHasItsRow) {
  for (const auto& rules : {global_rules(), vrrp_rules(), lvs_rules(), ipvs_rules(), xdirector_rules()}) {
    for (const Rule& rule : rules) {
      const Keyword* row = find_keyword(rule.block, rule.keyword);
      ASSERT_TRUE(row) << info(rule.block).path << "/" << rule.keyword;
      EXPECT_EQ(row->block, rule.block) << rule.keyword;
    }
  }
}

TEST(Keywords, BlocksShareWhatTheyHaveInCommon) {
  ASSERT_TRUE(find_keyword(Block::ssl_get, "connect_port"));
  ASSERT_TRUE(find_keyword(Block::ssl_get, "virtualhost"));
  EXPECT_EQ(find_keyword(Block::ssl_get, "url")->argument.opens, Block::ssl_url);
  EXPECT_EQ(find_keyword(Block::http_get, "url")->argument.opens, Block::http_url);
  EXPECT_FALSE(find_keyword(Block::http_get, "tls_compliant"));
  EXPECT_EQ(block_by_path("virtual_server/real_server/TCP_CHECK"), Block::tcp_check);
}

}  // namespace
}  // namespace xd::conf
