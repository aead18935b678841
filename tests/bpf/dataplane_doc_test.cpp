// docs/dataplane.md against the kernel: each map has its section, each bpftool command on the page works and shows the fields that the page
// shows, and the table of reasons is that of the program.
#include <netinet/in.h>

#include <cstdio>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "datapath/program.h"
#include "datapath/watches.h"
#include "director.h"

namespace xd::test {
namespace {

struct Example {
  std::string command;
  std::string shown;
};

class DataplaneDoc : public Director {
 protected:
  void SetUp() override {
    Director::SetUp();
    if (IsSkipped()) return;
    std::ifstream file(std::string(XD_SOURCE_DIR) + "/docs/dataplane.md");
    ASSERT_TRUE(file) << "docs/dataplane.md";
    std::stringstream whole;
    whole << file.rdbuf();
    page_ = whole.str();
  }

  // The code blocks that begin with "# bpftool".
  std::vector<Example> examples() const {
    std::vector<Example> found;
    std::istringstream lines(page_);
    bool inside = false;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("```"))
        inside = false;
      else if (line.starts_with("# bpftool "))
        inside = true, found.push_back({line.substr(2), ""});
      else if (inside)
        found.back().shown += line + "\n";
    }
    return found;
  }

  std::string carry_out(std::string command) {
    const std::string documented = "/sys/fs/bpf/xdirector/";
    const std::size_t at = command.find(documented);
    EXPECT_NE(at, std::string::npos) << command;
    command.replace(at, documented.size(), datapath().pin_dir() + "/");
    FILE* out = popen((command + " 2>&1").c_str(), "r");
    std::string text(1 << 20, '\0');
    text.resize(fread(text.data(), 1, text.size(), out));
    EXPECT_EQ(pclose(out), 0) << command << "\n" << text;
    return text;
  }

  static std::set<std::string> fields(const std::string& text) {
    const std::regex field("\"(\\w+)\":");
    std::set<std::string> names;
    for (std::sregex_iterator at(text.begin(), text.end(), field), end; at != end; ++at) names.insert((*at)[1]);
    return names;
  }

  void fill_every_map() {
    serve(service_key(vip, 80), service(lvs::Forward::nat, {1, 1}, lvs::Scheduler::rr, 8080));
    serve(service_key("192.0.2.11", 80), service(lvs::Forward::dr, {1}));
    establish(client, 40000);
    run(Ethernet{} / Ipv4{} / Tcp{.from = 40001, .flags = "S"});
    run(Ethernet{} / Ipv4{.fragment = 0x2000} / Tcp{.from = 40002, .flags = "S"});
    ASSERT_TRUE(datapath().set_gate(*IpAddress::parse("192.0.2.12"), true));
    auto watches = datapath::Watches::open(datapath().pin_dir());
    ASSERT_TRUE(watches) << watches.error().message;
    ASSERT_TRUE(watches->put({.ifindex = 1, .vlan = 0, .family = AF_INET, .vrid = 51}, xd_watch_config{}));
  }

  std::string page_;
};

TEST_F(DataplaneDoc, HasASectionForEachMap) {
  for (const std::string& map : datapath::pinned_maps()) {
    EXPECT_NE(page_.find("\n### " + map + "\n"), std::string::npos) << map;
    EXPECT_LE(map.size(), 15u) << map;  // the kernel cuts off the rest, and `bpftool map` shows half a name
  }
}

TEST_F(DataplaneDoc, ShowsWhatBpftoolShows) {
  if (std::system("bpftool version >/dev/null 2>&1") != 0) GTEST_SKIP() << "bpftool is not installed";
  fill_every_map();
  const auto all = examples();
  EXPECT_GE(all.size(), 8u);
  for (const Example& example : all) {
    const std::string real = carry_out(example.command);
    const std::set<std::string> there = fields(real);
    for (const std::string& field : fields(example.shown))
      EXPECT_TRUE(there.contains(field)) << example.command << ": " << field << " in\n" << real.substr(0, 2000);
    if (std::getenv("XD_SHOW") != nullptr) printf("# %s\n%s\n", example.command.c_str(), real.substr(0, 3000).c_str());
  }
  ASSERT_TRUE(datapath().forget_gate(*IpAddress::parse("192.0.2.12")));
}

TEST_F(DataplaneDoc, ListsTheReasonsOfTheProgram) {
  std::size_t at = 0;
  for (const auto& reason : datapath().reasons()) {
    const std::string row =
        "| " + std::string(reason.word) + " | " + std::string(reason.verdict) + " | " + std::string(reason.sentence) + " |\n";
    const std::size_t found = page_.find(row);
    ASSERT_NE(found, std::string::npos) << "the page lacks, or tells otherwise:\n" << row;
    EXPECT_GT(found, at) << "in the order of the program: " << row;
    at = found;
  }
}

}  // namespace
}  // namespace xd::test
