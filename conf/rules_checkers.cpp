// The checkers of a real server: what each asks and what it takes for an answer. Where they connect and when they run is
// common to them (rules_lvs.cpp).
#include <fmt/core.h>

#include <algorithm>

#include "conf/builder.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

constexpr Block R = Block::real_server;
constexpr Block H = Block::http_get;
constexpr Block U = Block::http_url;
constexpr Block D = Block::udp_check;
constexpr Block M = Block::misc_check;

template <typename Kind>
void begin(Builder& b, const Value& v) {
  CheckerDraft& c = b.real_server().checkers.emplace_back();
  c.at = v.at();
  c.out.check = Kind{};
}

template <typename Kind>
Kind& check(Builder& b) {
  return std::get<Kind>(b.checker().out.check);
}

void drop(Builder& b, const Value& v, std::string_view why, std::string expected = {}) {
  b.warn(v.at(), fmt::format("{} {}; the checker is ignored", v.keyword.name, why), std::move(expected));
  b.real_server().checkers.pop_back();
}

void ignored(Builder& b, const Token& at, std::string_view keyword, std::string_view why, std::string expected = {}) {
  b.warn(at, fmt::format("{} '{}': {}; the line is ignored", keyword, at.text, why), std::move(expected));
}

int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// ---- HTTP_GET and SSL_GET

void end_http(Builder& b, const Value& v) {
  CheckerDraft& c = b.checker();
  auto& urls = std::get<HttpCheck>(c.out.check).urls;
  for (HttpUrl& url : urls) url.tls_compliant |= c.tls_compliant;
  if (urls.empty()) drop(b, v, "has no url with a path");
}

void begin_url(Builder& b, const Value&) { check<HttpCheck>(b).urls.emplace_back().path.clear(); }

void end_url(Builder& b, const Value& v) {
  HttpUrl& url = b.url();
  if (url.regex && url.regex->pattern.empty()) {
    b.advise(v.at(), "regex_* without regex has no effect");
    url.regex.reset();
  }
  if (!url.path.empty()) return;
  b.warn(v.at(), "url has no path; it is ignored");
  check<HttpCheck>(b).urls.pop_back();
}

void digest(Builder& b, const Value& v) {
  std::array<std::uint8_t, 16> bytes{};
  const std::string_view word = v.word();
  bool good = word.size() == 2 * bytes.size();
  for (std::size_t i = 0; good && i < bytes.size(); ++i) {
    const int high = hex_digit(word[2 * i]), low = hex_digit(word[2 * i + 1]);
    good = high >= 0 && low >= 0;
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  if (!good)
    return b.warn(v.where(), fmt::format("digest '{}' is no MD5 sum; the line is ignored", word),
                  "32 hexadecimal digits, as genhash prints them");
  b.url().digest = bytes;
}

void status_code(Builder& b, const Value& v) {
  for (const Token& t : v.args) {
    const auto dash = t.text.find('-');
    const Number first = parse_integer(t.text.substr(0, dash));
    const Number last = dash == std::string_view::npos ? first : parse_integer(t.text.substr(dash + 1));
    const auto legal = [](const Number& n) { return n.written == Written::good && n.value >= 100 && n.value <= 999; };
    if (!legal(first) || !legal(last) || first.value > last.value) {
      b.warn(t, fmt::format("status_code '{}' is neither a code nor a range; it is ignored", t.text), "100-999, or first-last");
      continue;
    }
    b.url().status_codes.push_back({static_cast<std::uint16_t>(first.value), static_cast<std::uint16_t>(last.value)});
  }
}

HttpRegex& regex(Builder& b) {
  auto& regex = b.url().regex;
  return regex ? *regex : regex.emplace();
}

void regex_options(Builder& b, const Value& v) {
  static const std::vector<std::string_view> names{"allow_empty_class",
                                                   "alt_bsux",
                                                   "alt_circumflex",
                                                   "alt_verbnames",
                                                   "auto_callout",
                                                   "caseless",
                                                   "dollar_endonly",
                                                   "dotall",
                                                   "dupnames",
                                                   "extended",
                                                   "firstline",
                                                   "match_unset_backref",
                                                   "multiline",
                                                   "never_backslash_c",
                                                   "never_ucp",
                                                   "never_utf",
                                                   "no_auto_capture",
                                                   "no_auto_possess",
                                                   "no_dotstar_anchor",
                                                   "no_start_optimize",
                                                   "ucp",
                                                   "ungreedy",
                                                   "use_offset_limit",
                                                   "utf"};
  for (const Token& t : v.args) {
    if (std::find(names.begin(), names.end(), t.text) != names.end()) {
      regex(b).options.emplace_back(t.text);
      continue;
    }
    const std::string_view close = nearest(t.text, names);
    b.warn(t, fmt::format("regex_options '{}' is unknown; it is ignored", t.text), {},
           close.empty() ? "" : fmt::format("did you mean '{}'?", close));
  }
}

void regex_stack(Builder& b, const Value& v) {
  std::uint32_t sizes[2] = {};
  for (std::size_t i = 0; i < 2; ++i) {
    const Number n = i < v.args.size() ? parse_integer(v.args[i].text) : Number{};
    if (n.written != Written::good || n.value < 1 || n.value > INT32_MAX)
      return ignored(b, i < v.args.size() ? v.args[i] : v.at(), v.keyword.name, "is no pair of sizes", "<start> <maximum>");
    sizes[i] = static_cast<std::uint32_t>(n.value);
  }
  regex(b).stack_start = sizes[0];
  regex(b).stack_maximum = sizes[1];
}

// ---- MISC_CHECK

void misc_path(Builder& b, const Value& v) {
  Script& script = check<MiscCheck>(b).script;
  const Script given = b.command(v.args);
  script.words = given.words;
  if (given.user.empty()) return;
  script.user = given.user;
  script.group = given.group;
}

void misc_user(Builder& b, const Value& v) {
  b.check_account(v.args, v.keyword.name);
  Script& script = check<MiscCheck>(b).script;
  script.user = v.word();
  if (v.args.size() > 1) script.group = v.args[1].text;
}

// ---- SMTP_CHECK: each host block is a checker of its own, with what the block around it says

void begin_smtp_host(Builder& b, const Value& v) {
  CheckerDraft& outer = b.real_server().checkers.back();
  CheckerDraft host;
  host.at = v.at();
  outer.hosts.push_back(std::move(host));
  outer.in_host = true;
}

void end_smtp_host(Builder& b, const Value&) { b.real_server().checkers.back().in_host = false; }

void end_smtp(Builder& b, const Value&) {
  auto& checkers = b.real_server().checkers;
  if (checkers.back().hosts.empty()) return;
  CheckerDraft outer = std::move(checkers.back());
  checkers.pop_back();
  for (CheckerDraft& host : outer.hosts) {
    host.out.check = outer.out.check;
    host.own.take_missing_from(outer.own);
    checkers.push_back(std::move(host));
  }
}

// ---- DNS_CHECK

DnsType dns_type(std::string_view word) {
  constexpr std::pair<std::string_view, DnsType> types[] = {
      {"A", DnsType::a},     {"NS", DnsType::ns},     {"CNAME", DnsType::cname}, {"SOA", DnsType::soa},      {"MX", DnsType::mx},
      {"TXT", DnsType::txt}, {"AAAA", DnsType::aaaa}, {"RRSIG", DnsType::rrsig}, {"DNSKEY", DnsType::dnskey}};
  for (const auto& [name, type] : types) {
    if (name == word) return type;
  }
  return DnsType::soa;
}

void dns_name(Builder& b, const Value& v) {
  const std::string_view name = v.word();
  if (name.find("..") != std::string_view::npos || (name.size() > 1 && name.starts_with('.')))
    return ignored(b, v.where(), v.keyword.name, "has an empty label");
  constexpr std::size_t longest_label = 63, longest_name = 253;  // RFC 1035, 2.3.4
  std::size_t label = 0, longest = 0;
  for (const char c : name) {
    label = c == '.' ? 0 : label + 1;
    longest = std::max(longest, label);
  }
  if (longest > longest_label || name.size() > longest_name)
    b.advise(v.where(), fmt::format("name '{}' is longer than DNS allows: no server knows it", name));
  check<DnsCheck>(b).name = name;
}

// ---- UDP_CHECK

struct HexBytes {
  std::vector<std::uint8_t> bytes, mask;
};

// "0a1b ff": pairs of digits, a single one at the end of a word is a byte too. With `wildcard`, X stands for any digit.
std::optional<HexBytes> read_hex(Builder& b, const Value& v, bool wildcard) {
  HexBytes out;
  for (const Token& t : v.args) {
    for (std::size_t i = 0; i < t.text.size();) {
      std::uint8_t byte = 0, mask = 0;
      for (const std::size_t end = std::min(i + 2, t.text.size()); i < end; ++i) {
        const int digit = hex_digit(t.text[i]);
        const bool any = wildcard && (t.text[i] == 'x' || t.text[i] == 'X');
        if (digit < 0 && !any) {
          ignored(b, t, v.keyword.name, "is not written in hexadecimal digits", std::string(v.keyword.form));
          return std::nullopt;
        }
        byte = static_cast<std::uint8_t>(byte << 4 | (any ? 0 : digit));
        mask = static_cast<std::uint8_t>(mask << 4 | (any ? 0 : 0xf));
      }
      out.bytes.push_back(byte);
      out.mask.push_back(mask);
    }
  }
  return out;
}

void udp_payload(Builder& b, const Value& v) {
  if (auto hex = read_hex(b, v, false)) check<UdpCheck>(b).payload = std::move(hex->bytes);
}

void udp_reply(Builder& b, const Value& v) {
  auto hex = read_hex(b, v, true);
  if (!hex) return;
  UdpCheck& udp = check<UdpCheck>(b);
  udp.require_reply = true;
  udp.reply = std::move(hex->bytes);
  udp.reply_mask = std::move(hex->mask);
}

void end_udp(Builder& b, const Value& v) {
  const UdpCheck& udp = check<UdpCheck>(b);
  if (udp.minimum_length <= udp.maximum_length) return;
  b.warn(v.at(), fmt::format("min_reply_length {} is more than max_reply_length {}: the check always fails", udp.minimum_length,
                             udp.maximum_length));
}

// ---- FILE_CHECK and BFD_CHECK

// Whether `v` names something that has been defined; else says so.
bool is_defined(Builder& b, const Value& v, const std::set<std::string>& defined, std::string_view what) {
  if (defined.contains(std::string(v.word()))) return true;
  const std::vector<std::string_view> names(defined.begin(), defined.end());
  const std::string_view close = nearest(v.word(), names);
  b.warn(v.where(), fmt::format("{} {} is not defined above; the checker is ignored", what, v.word()), {},
         close.empty() ? "" : fmt::format("did you mean '{}'?", close));
  return false;
}

void file_name(Builder& b, const Value& v) {
  b.checker().name_refused = !is_defined(b, v, b.defined_track_files, "track_file");
  if (!b.checker().name_refused) check<FileCheck>(b).track_file = v.word();
}

void file_weight(Builder& b, const Value& v) {
  FileCheck& file = check<FileCheck>(b);
  file.weight = static_cast<int>(v.number);
  file.reverse = v.reverse;
}

void end_file(Builder& b, const Value& v) {
  CheckerDraft& c = b.checker();
  if (c.name_refused) return b.real_server().checkers.pop_back();
  if (std::get<FileCheck>(c.out.check).track_file.empty()) drop(b, v, "has no track_file", "track_file <name>");
}

void bfd_name(Builder& b, const Value& v) {
  b.checker().name_refused = !is_defined(b, v, b.defined_bfds, "bfd_instance");
  if (!b.checker().name_refused) check<BfdCheck>(b).name = v.word();
}

void end_bfd(Builder& b, const Value& v) {
  auto& checkers = b.real_server().checkers;
  if (checkers.back().name_refused) return checkers.pop_back();
  const std::string& name = std::get<BfdCheck>(checkers.back().out.check).name;
  if (name.empty()) return drop(b, v, "has no name", "name <bfd_instance>");
  const bool twice = std::any_of(checkers.begin(), checkers.end() - 1, [&](const CheckerDraft& c) {
    const auto* bfd = std::get_if<BfdCheck>(&c.out.check);
    return bfd && bfd->name == name;
  });
  if (twice) drop(b, v, fmt::format("{} is there already", name));
}

const Rule rules[] = {
    {R, "TCP_CHECK", begin<TcpCheck>},

    {R, "HTTP_GET", begin<HttpCheck>, end_http},
    {R, "SSL_GET",
     [](Builder& b, const Value& v) {
       begin<HttpCheck>(b, v);
       check<HttpCheck>(b).tls = true;
     },
     end_http},
    {H, "nb_get_retry",
     [](Builder& b, const Value& v) {
       b.warn(v.at(), "nb_get_retry is an old name", {}, "write retry");
       b.checker().own.retry = static_cast<unsigned>(v.number);
     }},
    {H, "virtualhost", [](Builder& b, const Value& v) { check<HttpCheck>(b).virtualhost = v.word(); }},
    {H, "http_protocol",
     [](Builder& b, const Value& v) {
       check<HttpCheck>(b).protocol = v.word() == "1.1"    ? HttpProtocol::http_1_1
                                      : v.word() == "1.0C" ? HttpProtocol::http_1_0_close
                                                           : HttpProtocol::http_1_0;
     }},
    {H, "fast_recovery", [](Builder& b, const Value& v) { check<HttpCheck>(b).fast_recovery = v.on; }},
    {H, "enable_sni", [](Builder& b, const Value& v) { check<HttpCheck>(b).enable_sni = v.on; }},
    {H, "sni_name",
     [](Builder& b, const Value& v) {
       check<HttpCheck>(b).enable_sni = true;
       check<HttpCheck>(b).sni_name = v.word();
     }},
    {Block::ssl_get, "tls_compliant", [](Builder& b, const Value& v) { b.checker().tls_compliant = v.on; }},
    {H, "url", begin_url, end_url},
    {Block::ssl_get, "url", begin_url, end_url},
    {U, "path", [](Builder& b, const Value& v) { b.url().path = v.word(); }},
    {U, "digest", digest},
    {U, "status_code", status_code},
    {U, "virtualhost", [](Builder& b, const Value& v) { b.url().virtualhost = v.word(); }},
    {U, "regex", [](Builder& b, const Value& v) { regex(b).pattern = v.word(); }},
    {U, "regex_no_match", [](Builder& b, const Value&) { regex(b).must_not_match = true; }},
    {U, "regex_options", regex_options},
    {U, "regex_min_offset", [](Builder& b, const Value& v) { regex(b).minimum_offset = static_cast<std::uint32_t>(v.number); }},
    {U, "regex_max_offset", [](Builder& b, const Value& v) { regex(b).maximum_offset = static_cast<std::uint32_t>(v.number); }},
    {U, "regex_stack", regex_stack},
    {Block::ssl_url, "tls_compliant", [](Builder& b, const Value& v) { b.url().tls_compliant = v.on; }},

    {R, "MISC_CHECK", begin<MiscCheck>,
     [](Builder& b, const Value& v) {
       if (!check<MiscCheck>(b).script) drop(b, v, "has no misc_path", "misc_path \"<program> <argument>...\"");
     }},
    {M, "misc_path", misc_path},
    {M, "misc_timeout", [](Builder& b, const Value& v) { b.checker().misc_timeout = v.duration; }},
    {M, "misc_dynamic", [](Builder& b, const Value&) { check<MiscCheck>(b).dynamic = true; }},
    {M, "user", misc_user},

    {R, "SMTP_CHECK", begin<SmtpCheck>, end_smtp},
    {Block::smtp_check, "helo_name", [](Builder& b, const Value& v) { check<SmtpCheck>(b).helo_name = v.word(); }},
    {Block::smtp_check, "host", begin_smtp_host, end_smtp_host},

    {R, "DNS_CHECK", begin<DnsCheck>},
    {Block::dns_check, "type", [](Builder& b, const Value& v) { check<DnsCheck>(b).type = dns_type(v.word()); }},
    {Block::dns_check, "name", dns_name},

    {R, "PING_CHECK", begin<PingCheck>},

    {R, "UDP_CHECK", begin<UdpCheck>, end_udp},
    {D, "payload", udp_payload},
    {D, "require_reply", udp_reply},
    {D, "min_reply_length", [](Builder& b, const Value& v) { check<UdpCheck>(b).minimum_length = static_cast<std::uint16_t>(v.number); }},
    {D, "max_reply_length", [](Builder& b, const Value& v) { check<UdpCheck>(b).maximum_length = static_cast<std::uint16_t>(v.number); }},

    {R, "FILE_CHECK", begin<FileCheck>, end_file},
    {Block::file_check, "track_file", file_name},
    {Block::file_check, "weight", file_weight},

    {R, "BFD_CHECK", begin<BfdCheck>, end_bfd},
    {Block::bfd_check, "name", bfd_name},
    {Block::bfd_check, "alpha", [](Builder& b, const Value& v) { b.checker().own.alpha = v.on; }},
};

}  // namespace

std::span<const Rule> checker_rules() { return rules; }

}  // namespace xd::conf
