#include "ctl/trace.h"

#include <fmt/format.h>
#include <net/if.h>
#include <signal.h>
#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <optional>
#include <set>
#include <sstream>

#include "base/loop.h"
#include "ctl/ask.h"
#include "ctl/flow_list.h"
#include "ctl/packet_words.h"
#include "datapath/samples.h"
#include "ipc/channel.h"
#include "ipc/socket.h"

namespace xd::ctl {

namespace {

using nlohmann::json;

// A flow filter's words, and "reason WORD" any number of times: one of these.
struct TraceFilter {
  FlowFilter flow;
  std::set<std::string, std::less<>> reasons;

  static Result<TraceFilter> parse(const std::string& words, const datapath::Datapath& path) {
    TraceFilter filter;
    std::string rest;
    const auto known = path.reasons();
    std::istringstream in(words);
    for (std::string word; in >> word;) {
      if (word != "reason") {
        rest += word + ' ';
        continue;
      }
      in >> word;
      if (std::none_of(known.begin(), known.end(), [&](const auto& reason) { return reason.word == word; }))
        return Error{fmt::format("there is no reason '{}': `xdirector reasons -j` names them all", word)};
      filter.reasons.insert(word);
    }
    auto flow = FlowFilter::parse(rest);
    if (!flow) return Error{flow.error().message + ", reason"};
    if (flow->engine == "ipvs") return Error{"the packet path is traced, not IPVS"};
    filter.flow = std::move(*flow);
    return filter;
  }

  bool fits(const datapath::Sample& sample) const {
    if (!reasons.empty() && !reasons.contains(sample.reason)) return false;
    if (sample.connection) return flow.fits(*sample.connection);
    datapath::Connection none;  // what would be client and service, if it had a flow
    const std::string protocol = sample.packet ? protocol_word(sample.packet->protocol) : "";
    none.protocol = protocol;
    none.engine = "xdp";
    if (sample.packet) none.client = sample.packet->from, none.service = sample.packet->to;
    return flow.fits(none);
  }
};

std::string interface_name(int ifindex) {
  std::array<char, IF_NAMESIZE> name{};
  return if_indextoname(static_cast<unsigned>(ifindex), name.data()) != nullptr ? name.data() : std::to_string(ifindex);
}

std::string end_words(const Endpoint& end) { return end.port == 0 ? end.address.str() : end.str(); }

void print_text(const datapath::Sample& sample) {
  const time_t second = sample.at / 1'000'000'000;
  tm local{};
  localtime_r(&second, &local);
  std::string line = fmt::format("{:02}:{:02}:{:02}.{:06} {:<8} ", local.tm_hour, local.tm_min, local.tm_sec,
                                 sample.at % 1'000'000'000 / 1'000, interface_name(sample.ifindex));
  if (sample.packet) {
    line += fmt::format("{} {} > {}", lower(protocol_word(sample.packet->protocol)), end_words(sample.packet->from),
                        end_words(sample.packet->to));
    if (const auto flags = flag_letters_of(sample.packet->tcp_flags); !flags.empty()) line += ' ' + flags;
  } else {
    line += fmt::format("{} bytes", sample.length);
  }
  line += fmt::format(": {} ({})", sample.reason, sample.verdict);
  if (sample.connection) line += fmt::format(", {} {}", sample.connection->state, sample.connection->server.str());
  fmt::print("{}\n", line);
}

void print_json(const datapath::Sample& sample) {
  json out{{"at", static_cast<double>(sample.at) / 1e9},
           {"interface", interface_name(sample.ifindex)},
           {"length", sample.length},
           {"reason", sample.reason},
           {"verdict", sample.verdict}};
  if (sample.packet) {
    out["protocol"] = protocol_word(sample.packet->protocol);
    out["from"] = end_words(sample.packet->from);
    out["to"] = end_words(sample.packet->to);
    out["flags"] = flag_letters_of(sample.packet->tcp_flags);
  }
  if (sample.connection) {
    out["state"] = sample.connection->state;
    out["client"] = sample.connection->client.str();
    out["service"] = sample.connection->service.str();
    out["server"] = sample.connection->server.str();
  }
  fmt::print("{}\n", out.dump());
}

}  // namespace

int trace(const Context& context) {
  const auto tables = Tables::open();
  if (!tables) return complain_no_tables(context, tables.error());
  if (!tables->path) return complain(failed, "there is no packet path in XDP here");
  const auto filter = TraceFilter::parse(context.file, *tables->path);
  if (!filter) return complain(failed, filter.error().message);

  Result<Fd> socket = Error{"nobody was asked"};
  for (const auto& path : context.sockets) {
    socket = ipc::connect_to(path);
    if (socket || !is_nobody(socket.error())) break;
  }
  if (!socket) return complain_unreachable(context, socket.error());

  std::uint64_t seen = 0, shown = 0;
  auto samples = datapath::Samples::open(*tables->path, [&](const datapath::Sample& sample) {
    ++seen;
    if (!filter->fits(sample)) return;
    ++shown;
    context.json ? print_json(sample) : print_text(sample);
  });
  if (!samples) return complain(failed, samples.error().message);

  Loop loop;
  Loop::Source ready;
  std::uint32_t lost = 0;
  const auto begin = [&] {
    ready = loop.io((*samples)->fd(), EPOLLIN, [&](std::uint32_t) {
      (*samples)->read();
      if (std::fflush(stdout) != 0) loop.exit(fine);  // its reader has gone
    });
  };
  // The daemon traces as long as this connection lasts.
  ipc::Channel daemon(
      loop, std::move(*socket),
      [&](const ipc::Message& message) {
        int code = failed;
        if (!good_answer(message.text, code)) return loop.exit(code);
        begin();
      },
      [&](const std::string&) { loop.exit(complain(failed, "the daemon has ended")); });
  const auto end = [&](const signalfd_siginfo&) {
    lost = (*samples)->lost();
    loop.exit(fine);
  };
  const Loop::Source interrupt = loop.signal(SIGINT, end), terminate = loop.signal(SIGTERM, end);
  ::signal(SIGPIPE, SIG_IGN);
  daemon.send(json{{"question", "trace"}, {"one_in", context.one_in}}.dump());
  const int code = loop.run();
  if (code == fine && !context.json)
    fmt::print(stderr, "{} packets, {} of them shown{}\n", seen, shown,
               lost == 0 ? "" : fmt::format("; {} more came too fast to be told: see --one-in", lost));
  return code;
}

}  // namespace xd::ctl
