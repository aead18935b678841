#include "ctl/explain_packet.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>

#include "ctl/packet_words.h"
#include "datapath/rehearsal.h"

namespace xd::ctl {

namespace {

std::string flag_words(std::uint8_t flags) {
  const std::string text = flag_letters_of(flags);
  return text.empty() ? "no flags" : "flags " + text;
}

std::optional<std::uint8_t> ip_protocol(std::string_view word) {
  for (const auto protocol : {lvs::Protocol::tcp, lvs::Protocol::udp, lvs::Protocol::sctp}) {
    if (word == lvs::name(protocol)) return static_cast<std::uint8_t>(protocol);
  }
  return std::nullopt;
}

std::optional<Endpoint> parse_endpoint(const std::string& word) {
  const auto colon = word.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  auto address = word.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  const auto parsed = IpAddress::parse(address);
  char* end = nullptr;
  const auto port = std::strtoul(word.c_str() + colon + 1, &end, 10);
  if (!parsed || *end != 0 || port < 1 || port > 65535) return std::nullopt;
  return Endpoint{*parsed, static_cast<std::uint16_t>(port)};
}

std::uint32_t sum_of(const std::vector<std::uint8_t>& bytes, std::size_t begin, std::size_t end) {
  std::uint32_t sum = 0;
  for (std::size_t i = begin; i < end; ++i) sum += (i - begin) % 2 == 0 ? bytes[i] << 8 : bytes[i];
  return sum;
}

std::uint16_t folded(std::uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// Ethernet, IP and the transport header, with 18 bytes of nothing behind it, as the shortest frame has. MACs stay zero: the packet path does
// not look at them.
std::vector<std::uint8_t> compose(const AskedPacket& packet, std::uint8_t flags) {
  const bool tcp = packet.protocol == IPPROTO_TCP, sctp = packet.protocol == IPPROTO_SCTP, v4 = packet.to.address.is_v4();
  constexpr std::size_t ethernet = 14, data = 18;
  const std::size_t l4 = ethernet + (v4 ? 20 : 40), header = tcp ? 20 : sctp ? 16 : 8, addresses = v4 ? ethernet + 12 : ethernet + 8;
  std::vector<std::uint8_t> frame(l4 + header + data);
  const auto put16 = [&frame](std::size_t at, std::uint32_t value) {
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
  };
  const auto length = packet.to.address.size();
  std::memcpy(&frame[addresses], packet.from.address.data(), length);
  std::memcpy(&frame[addresses + length], packet.to.address.data(), length);
  if (v4) {
    put16(12, 0x0800);
    frame[14] = 0x45;
    put16(16, static_cast<std::uint32_t>(frame.size() - ethernet));
    put16(20, 0x4000);  // DF
    frame[22] = 64;
    frame[23] = packet.protocol;
    put16(24, folded(sum_of(frame, ethernet, l4)));
  } else {
    put16(12, 0x86dd);
    frame[14] = 0x60;
    put16(18, static_cast<std::uint32_t>(header + data));
    frame[20] = packet.protocol;
    frame[21] = 64;
  }
  put16(l4, packet.from.port);
  put16(l4 + 2, packet.to.port);
  if (sctp) {  // one chunk, INIT or DATA, and a checksum that is left to the device
    frame[l4 + 12] = flags & syn ? 1 : 0;
    put16(l4 + 14, 4 + data);
    return frame;
  }
  if (tcp) {
    frame[l4 + 12] = 5 << 4;
    frame[l4 + 13] = flags;
    put16(l4 + 14, 64240);
  } else {
    put16(l4 + 4, static_cast<std::uint32_t>(header + data));
  }
  const std::uint32_t pseudo = sum_of(frame, addresses, l4) + packet.protocol + static_cast<std::uint32_t>(header + data);
  put16(l4 + (tcp ? 16 : 6), folded(pseudo + sum_of(frame, l4, frame.size())));
  return frame;
}

std::string action_word(int action) {
  switch (action) {
    case XDP_PASS: return "goes up to the stack";
    case XDP_TX: return "leaves by the interface it came in by";
    case XDP_REDIRECT: return "leaves by another interface";
    case XDP_DROP: return "is dropped";
    default: return "is dropped: the program failed";
  }
}

std::string hex_mac(const std::uint8_t* bytes) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
}

// Address and port of source and destination in a frame that the packet path made.
std::string addresses_of(const std::vector<std::uint8_t>& frame) {
  const bool v4 = frame.size() >= 38 && frame[12] == 8 && frame[13] == 0 && frame[14] == 0x45;
  const bool v6 = frame.size() >= 58 && frame[12] == 0x86 && frame[13] == 0xdd;
  if (!v4 && !v6) return "a frame";
  const auto at = [&frame, v4](std::size_t address, std::size_t port) {
    in6_addr v6_bytes{};
    in_addr v4_bytes{};
    std::memcpy(v4 ? static_cast<void*>(&v4_bytes) : &v6_bytes, &frame[address], v4 ? sizeof v4_bytes : sizeof v6_bytes);
    return Endpoint{v4 ? IpAddress::v4(v4_bytes) : IpAddress::v6(v6_bytes), static_cast<std::uint16_t>(frame[port] << 8 | frame[port + 1])}
        .str();
  };
  return v4 ? fmt::format("{} > {}, TTL {}", at(26, 34), at(30, 36), frame[22])
            : fmt::format("{} > {}, hop limit {}", at(22, 54), at(38, 56), frame[21]);
}

// What is sent on: in a tunnel when the frame has grown by an outer header.
std::string sent_words(const std::vector<std::uint8_t>& frame, std::size_t asked_length) {
  const auto link = fmt::format("from {} to {}", hex_mac(&frame[6]), hex_mac(frame.data()));
  constexpr std::size_t ethernet = 14;
  if (frame.size() <= asked_length) return addresses_of(frame) + ' ' + link;
  const auto outer_length = frame.size() - asked_length;
  std::vector<std::uint8_t> inner(frame.begin(), frame.begin() + ethernet);
  inner.insert(inner.end(), frame.begin() + static_cast<std::ptrdiff_t>(ethernet + outer_length), frame.end());
  const bool v4_inside = inner[ethernet] >> 4 == 4, v4_outside = frame[ethernet] >> 4 == 4;
  inner[12] = v4_inside ? 0x08 : 0x86;
  inner[13] = v4_inside ? 0x00 : 0xdd;
  const auto address = [&frame](std::size_t at, bool v4) {
    in6_addr bytes{};
    std::memcpy(&bytes, &frame[at], v4 ? sizeof(in_addr) : sizeof bytes);
    return (v4 ? IpAddress::v4(bytes.s6_addr32[0]) : IpAddress::v6(bytes)).str();
  };
  const auto protocol = frame[v4_outside ? ethernet + 9 : ethernet + 6];
  return fmt::format("{} > {} by {}, in it {}, {}", address(ethernet + (v4_outside ? 12 : 8), v4_outside),
                     address(ethernet + (v4_outside ? 16 : 24), v4_outside),
                     protocol == IPPROTO_GRE   ? "GRE"
                     : protocol == IPPROTO_UDP ? "GUE"
                                               : "IPIP",
                     addresses_of(inner), link);
}

std::string service_words(const datapath::Datapath& path, const lvs::ServiceKey& asked) {
  const auto services = path.services();
  const auto serving = path.service_of(asked);
  const auto found = serving ? services.find(*serving) : services.end();
  if (found == services.end()) {
    const bool address_known =
        std::any_of(services.begin(), services.end(), [&](const auto& s) { return s.first.address == asked.address; });
    return address_known ? fmt::format("none for {}, though the address has others", asked.str())
                         : fmt::format("none has the address {}", asked.address.str());
  }
  const auto& [key, service] = *found;
  const auto taking =
      std::count_if(service.destinations.begin(), service.destinations.end(), [](const auto& d) { return d.second.weight != 0; });
  return fmt::format("{}{}: {}, {} of {} real servers take new connections", key.str(),
                     key.port == 0 && key.fwmark == 0 ? " (any port)" : "", lvs::name(service.scheduler), taking,
                     service.destinations.size());
}

std::string connection_words(const datapath::Connection& c) {
  return fmt::format("{} to {}, forgotten after {} s of silence", c.state, c.server.str(), c.seconds);
}

}  // namespace

std::optional<Result<AskedPacket>> parse_packet(const std::string& words) {
  std::istringstream in(words);
  std::string protocol, from, arrow, to;
  in >> protocol >> from >> arrow >> to;
  const auto number = ip_protocol(lower(protocol));
  if (!number && arrow != ">") return std::nullopt;
  const auto wrong = [](const std::string& why) {
    return Result<AskedPacket>(Error{why + ": tcp|udp|sctp <address>:<port> > <address>:<port> [S|SA|A|F|R] [in <interface>]"});
  };
  AskedPacket packet;
  const auto source = parse_endpoint(from), destination = parse_endpoint(to);
  if (!number || !source || !destination || arrow != ">") return wrong("this is no packet");
  packet.protocol = *number;
  packet.from = *source;
  packet.to = *destination;
  for (std::string word; in >> word;) {
    if (word == "in") {
      in >> packet.interface;
      continue;
    }
    std::uint8_t flags = 0;
    for (const char c : word) {
      const std::uint8_t flag = flag_of(c);
      if (flag == 0 || packet.protocol != IPPROTO_TCP) return wrong(fmt::format("'{}' is not understood", word));
      flags |= flag;
    }
    packet.flags = flags;
  }
  return Result<AskedPacket>(packet);
}

Result<Explanation> explain_packet(Tables& tables, const AskedPacket& packet) {
  if (!tables.path) return Error{"there is no packet path here that could be asked"};
  if (packet.from.address.family() != packet.to.address.family()) return Error{"a packet has two addresses of one family"};
  auto& path = *tables.path;
  int ifindex = 0;
  if (!packet.interface.empty()) {
    ifindex = static_cast<int>(if_nametoindex(packet.interface.c_str()));
    if (ifindex == 0) return Error{fmt::format("there is no interface {}", packet.interface)};
  } else if (const auto attached = path.attached(); !attached.empty()) {
    ifindex = attached.front();
  } else {
    return Error{"the packet path is attached to no interface; name one: in <interface>"};
  }
  auto rehearsal = datapath::Rehearsal::prepare(path);
  if (!rehearsal) return std::move(rehearsal).error();

  const xd_flow_key key = datapath::flow_key(packet.protocol, packet.from, packet.to);
  const auto known = datapath::find_connection([&path](std::string_view name) { return path.map_fd(name); }, key);
  const std::uint8_t flags = packet.flags.value_or(known ? ack : syn);
  const auto frame = compose(packet, flags);
  auto done = rehearsal->run(frame, key, ifindex);
  if (!done) return std::move(done).error();

  Explanation out;
  const bool tcp = packet.protocol == IPPROTO_TCP;
  std::array<char, IF_NAMESIZE> name{};
  if_indextoname(static_cast<unsigned>(ifindex), name.data());
  out.emplace_back("packet", fmt::format("{} {} > {}{}, in by {}", lvs::name(static_cast<lvs::Protocol>(packet.protocol)),
                                         packet.from.str(), packet.to.str(), tcp ? ", " + flag_words(flags) : "", name.data()));
  xd_gate_key address{};
  std::memcpy(address.addr, packet.to.address.bytes().data(), sizeof address.addr);
  xd_gate gate{};
  const bool gated = bpf_map_lookup_elem(path.map_fd("xd_gate"), &address, &gate) == 0;
  out.emplace_back("address", !gated      ? "not one that VRRP moves: always open"
                              : gate.ours ? "held by this director"
                                          : "held by another director: what comes here for it goes up to the stack");
  if (done->before) {
    out.emplace_back("flow", connection_words(*done->before));
    const bool reply = done->before->client != packet.from;
    if (reply) out.emplace_back("direction", "a reply of the real server to " + done->before->client.str());
    if (done->after && done->after->state != done->before->state) out.emplace_back("state", fmt::format("becomes {}", done->after->state));
  } else {
    out.emplace_back("flow", "none is known");
    const auto protocol = static_cast<lvs::Protocol>(packet.protocol);
    out.emplace_back("service", service_words(path, {packet.to.address, packet.to.port, protocol}));
    if (done->after) out.emplace_back("scheduled", "a new flow: " + connection_words(*done->after));
  }
  out.emplace_back("reason", fmt::format("{}: {}", done->reason, done->sentence));
  out.emplace_back("verdict", "it " + action_word(done->action));
  if (done->action == XDP_TX || done->action == XDP_REDIRECT) {
    out.emplace_back("sent", sent_words(done->frame, frame.size()));
  } else if (done->action == XDP_PASS && tables.ipvs) {
    out.emplace_back("stack", "kernel IPVS is asked next, if it holds the service");
  }
  const auto runs = rehearsal->is_what_runs();
  if (!runs) out.emplace_back("remark", "no interface runs the program at this moment");
  if (runs && !*runs) out.emplace_back("remark", "the running program is of another version than this one");
  return out;
}

}  // namespace xd::ctl
