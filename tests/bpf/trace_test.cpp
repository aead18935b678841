// What `xdirector trace` is told: sampled packets with their reasons, and nothing while nobody traces.
#include "datapath/samples.h"

#include <cstring>

#include "director.h"

namespace xd::test {
namespace {

using lvs::Forward;

class Trace : public Director {
 protected:
  void SetUp() override {
    Director::SetUp();
    if (IsSkipped()) return;
    serve(service_key(vip, 80), service(Forward::dr, {1}));
    serve(service_key("2001:db8::10", 80), {});
    auto opened = datapath::Samples::open(datapath(), [this](const datapath::Sample& sample) { told_.push_back(sample); });
    ASSERT_TRUE(opened) << opened.error().message;
    samples_ = std::move(*opened);
    samples_->read();  // what an earlier test left
    told_.clear();
    datapath().trace(1);
  }
  void TearDown() override {
    if (samples_) datapath().trace(0);
  }
  std::vector<datapath::Sample> told_;
  std::unique_ptr<datapath::Samples> samples_;
};

TEST_F(Trace, TellsEachPacketAndWhy) {
  run(Ethernet{} / Ipv4{} / Tcp{.from = 4242, .flags = "S"});
  run(Ethernet{} / Ipv4{} / Tcp{.from = 4242, .to = 81, .flags = "SA"});
  run(Ethernet{} / Vlan{} / Ipv6{.to = "2001:db8::10"} / Tcp{.from = 7, .flags = "S"});
  run(Ethernet{.type = 0x0806} / Payload{std::string(46, '\0')});
  samples_->read();
  ASSERT_EQ(told_.size(), 4u);

  EXPECT_EQ(told_[0].reason, "new_flow");
  EXPECT_EQ(told_[0].verdict, "tx");
  ASSERT_TRUE(told_[0].packet);
  EXPECT_EQ(told_[0].packet->from, endpoint(client, 4242));
  EXPECT_EQ(told_[0].packet->to, endpoint(vip, 80));
  EXPECT_EQ(told_[0].packet->tcp_flags, 0x02);
  ASSERT_TRUE(told_[0].connection);
  EXPECT_EQ(told_[0].connection->server.address.str(), web(1));
  EXPECT_LT(std::abs(told_[0].at / 1'000'000'000 - time(nullptr)), 60);

  EXPECT_EQ(told_[1].reason, "no_service");
  EXPECT_EQ(told_[1].packet->tcp_flags, 0x12);
  EXPECT_FALSE(told_[1].connection);

  EXPECT_EQ(told_[2].reason, "no_dest");
  ASSERT_TRUE(told_[2].packet);
  EXPECT_EQ(told_[2].packet->to, endpoint("2001:db8::10", 80));
  EXPECT_EQ(told_[2].packet->from.port, 7);

  EXPECT_EQ(told_[3].reason, "not_ip");
  EXPECT_FALSE(told_[3].packet);
  EXPECT_EQ(told_[3].length, 60u);
}

TEST_F(Trace, IsSilentWhenNobodyTraces) {
  datapath().trace(0);
  run(Ethernet{} / Ipv4{} / Tcp{.flags = "S"});
  samples_->read();
  EXPECT_TRUE(told_.empty());
}

TEST_F(Trace, TellsOneInSoMany) {
  datapath().trace(4);
  for (int i = 0; i < 400; ++i) run(Ethernet{} / Ipv4{} / Tcp{.flags = "A"});
  samples_->read();
  EXPECT_GT(told_.size(), 40u);
  EXPECT_LT(told_.size(), 200u);
  EXPECT_EQ(samples_->lost(), 0u);
}

TEST_F(Trace, CountsWhatCameTooFast) {
  const Bytes in = (Ethernet{} / Ipv4{} / Tcp{.flags = "A"}).bytes();
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.data(), .data_size_in = static_cast<__u32>(in.size()), .repeat = 5'000);
  ASSERT_EQ(bpf_prog_test_run_opts(datapath().program_fd(), &options), 0) << std::strerror(errno);
  const auto lost = samples_->lost();
  samples_->read();
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(told_.size() + lost, 5'000u);
}

TEST(Head, OfPacketsWithMoreInFrontOfTheirPorts) {
  const auto read = [](const Packet& packet) { return datapath::read_head(packet.bytes()); };
  const auto options = read(Ethernet{} / Vlan{} / Vlan{} / Ipv4{.options = {1, 1, 1, 0}} / Tcp{.from = 5, .flags = "R"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->from.port, 5);
  EXPECT_EQ(options->tcp_flags, 0x04);
  const auto later = read(Ethernet{} / Ipv4{.fragment = 0x0010} / Tcp{.from = 5});
  ASSERT_TRUE(later);
  EXPECT_EQ(later->from.port, 0);
  const Bytes whole = (Ethernet{} / Ipv6{} / Tcp{}).bytes();
  for (std::size_t length = 0; length < whole.size(); ++length) datapath::read_head(std::span(whole).first(length));  // reads no further
  EXPECT_FALSE(datapath::read_head(std::span(whole).first(30)));
}

}  // namespace
}  // namespace xd::test
