// What instances track, beside scripts and interfaces: track_file, vrrp_track_process, bfd_instance, track_group, and the lists
// that name them.
#include "conf/track_lines.h"

#include <fmt/core.h>

#include <algorithm>
#include <climits>

#include "conf/drafts.h"
#include "conf/values.h"

namespace xd::conf {

bool read_weight(Builder& b, std::span<const Token> options, std::string_view what, int most, WrittenWeight& weight) {
  const auto form = [most] { return fmt::format("weight <-{}..{}> [reverse|noreverse]", most, most); };
  for (std::size_t i = 0; i < options.size(); ++i) {
    const Token& t = options[i];
    if (t.text != "weight") {
      b.warn(t, fmt::format("unknown option '{}' of {}; the entry is ignored", t.text, what), form());
      return false;
    }
    if (++i >= options.size()) {
      b.warn(t, "weight needs a number; the entry is ignored", form());
      return false;
    }
    const Number n = parse_integer(options[i].text);
    if (n.written != Written::good || n.value < -254 || n.value > 254) {
      b.warn(options[i], fmt::format("weight {} of {} is outside -{}..{}; the entry is ignored", options[i].text, what, most, most));
      return false;
    }
    weight.value = static_cast<int>(std::clamp<std::int64_t>(n.value, -most, most));
    if (*weight.value != n.value) b.warn(options[i], fmt::format("weight {} of {} is cut to {}", n.value, what, *weight.value));
    if (i + 1 < options.size() && (options[i + 1].text == "reverse" || options[i + 1].text == "noreverse"))
      weight.reverse = options[++i].text == "reverse";
  }
  return true;
}

bool already(const std::vector<Track>& tracks, std::string_view name) {
  return std::any_of(tracks.begin(), tracks.end(), [&](const Track& t) { return t.name == name; });
}

void read_tracks(Builder& b, const Value& v, std::string_view kind, int most, TrackDrafts& out) {
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    const Token& name = v.tree.keyword(*s);
    if (already(out.tracks, name.text)) {
      b.warn(name, fmt::format("{} {} is tracked twice; the second is ignored", kind, name.text));
      continue;
    }
    WrittenWeight weight;
    if (!read_weight(b, v.tree.arguments(*s), name.text, most, weight)) continue;
    out.tracks.push_back({std::string(name.text), 0, false});
    out.weights.push_back(weight);
    out.at.push_back(name);
  }
}

namespace {

constexpr Block I = Block::vrrp_instance;
constexpr Block Y = Block::vrrp_sync_group;
constexpr Block P = Block::vrrp_track_process;
constexpr Block F = Block::track_file;
constexpr Block D = Block::bfd_instance;
constexpr Block G = Block::track_group;

constexpr int most_of_number = 254;  // of files and processes; +-254 reaches from one end of the priorities to the other
constexpr int most_of_bfd = 253;

void weight_of(const Value& v, int& weight, bool& reverse) {
  weight = static_cast<int>(v.number);
  reverse = v.reverse;
}

void refuse(Builder& b, const Token& at, const Value& v, std::string_view why) {
  b.warn(at, fmt::format("{} '{}': {}; the line is ignored", v.keyword.name, at.text, why), std::string(v.keyword.form));
}

// ---- track_file

void begin_file(Builder& b, const Value& v) {
  b.defined_track_files.insert(std::string(v.word()));
  begin_named(b, v, b.track_files);
}

void init_file(Builder& b, const Value& v) {
  TrackFile& f = b.track_files.back().out;
  std::int64_t value = 0;
  bool overwrite = false;
  for (const Token& t : v.args) {
    if (t.text == "overwrite") {
      overwrite = true;
      continue;
    }
    const Number n = parse_integer(t.text);
    if (n.written != Written::good || n.value < INT32_MIN || n.value > INT32_MAX)
      return refuse(b, t, v, "is neither a number nor overwrite");
    if (n.value < -254 || n.value > 254)
      b.warn(t, fmt::format("init_file {}: more than -254..254 cannot change a priority further", n.value));
    value = n.value;
  }
  f.initial = value;
  f.overwrite = overwrite;
}

// ---- vrrp_track_process

void process_words(Builder& b, const Value& v) {
  TrackProcess& p = b.track_processes.back().out;
  p.words.clear();
  for (const Token& t : v.args) p.words.push_back(unescaped(text_of_command(t)));
  p.has_params |= p.words.size() > 1;
}

void param_match(Builder& b, const Value& v) {
  TrackProcess& p = b.track_processes.back().out;
  if (v.args.empty()) {
    p.param_match = TrackProcess::ParamMatch::exact;
  } else if (v.word() == "initial") {
    p.param_match = TrackProcess::ParamMatch::initial;
  } else if (v.word() == "partial") {
    p.param_match = TrackProcess::ParamMatch::partial;
  } else {
    return refuse(b, v.where(), v, "is neither initial nor partial");
  }
  p.has_params = true;
}

// ---- bfd_instance

void begin_bfd(Builder& b, const Value& v) {
  b.defined_bfds.insert(std::string(v.word()));
  begin_named(b, v, b.bfds);
}

void source_ip(Builder& b, const Value& v) {
  BfdInstance& i = b.bfds.back().out;
  if (!i.neighbor.is_unset() && i.neighbor.family() != v.address.family())
    return refuse(b, v.where(), v, "is of another family than the neighbour");
  i.source = v.address;
}

void neighbor_ip(Builder& b, const Value& v) {
  BfdInstance& i = b.bfds.back().out;
  if (i.source && i.source->family() != v.address.family()) return refuse(b, v.where(), v, "is of another family than source_ip");
  i.neighbor = v.address;
}

// ---- lists

void members(Builder& b, const Value& v) {
  TrackGroupDraft& d = b.track_groups.back();
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) {
    for (const Token& t : v.tree.words(*s)) {
      d.out.members.emplace_back(t.text);
      d.members_at.push_back(t);
    }
  }
}

BfdInstance& bfd(Builder& b) { return b.bfds.back().out; }
TrackProcess& process(Builder& b) { return b.track_processes.back().out; }

const Rule rules[] = {
    {Block::root, "track_file", begin_file},
    {Block::root, "vrrp_track_file", begin_file},
    {F, "file", [](Builder& b, const Value& v) { b.track_files.back().out.path = v.word(); }},
    {F, "weight",
     [](Builder& b, const Value& v) { weight_of(v, b.track_files.back().out.weight, b.track_files.back().out.weight_reverse); }},
    {F, "init_file", init_file},

    {Block::root, "vrrp_track_process", [](Builder& b, const Value& v) { begin_named(b, v, b.track_processes); }},
    {P, "process", process_words},
    {P, "param_match", param_match},
    {P, "weight", [](Builder& b, const Value& v) { weight_of(v, process(b).weight, process(b).weight_reverse); }},
    {P, "quorum",
     [](Builder& b, const Value& v) {
       process(b).quorum = static_cast<unsigned>(v.number);
       b.track_processes.back().quorum_at = v.where();
     }},
    {P, "quorum_max",
     [](Builder& b, const Value& v) {
       process(b).quorum_max = static_cast<unsigned>(v.number);
       b.track_processes.back().quorum_at = v.where();
     }},
    {P, "delay", [](Builder& b, const Value& v) { process(b).terminate_delay = process(b).fork_delay = v.duration; }},
    {P, "terminate_delay", [](Builder& b, const Value& v) { process(b).terminate_delay = v.duration; }},
    {P, "fork_delay", [](Builder& b, const Value& v) { process(b).fork_delay = v.duration; }},
    {P, "full_command", [](Builder& b, const Value&) { b.track_processes.back().full_command = true; }},

    {Block::root, "bfd_instance", begin_bfd},
    {D, "source_ip", source_ip},
    {D, "neighbor_ip", neighbor_ip},
    {D, "neighbour_ip", neighbor_ip},
    {D, "min_rx", [](Builder& b, const Value& v) { bfd(b).min_rx = v.duration; }},
    {D, "min_tx", [](Builder& b, const Value& v) { bfd(b).min_tx = v.duration; }},
    {D, "idle_tx", [](Builder& b, const Value& v) { bfd(b).idle_tx = v.duration; }},
    {D, "multiplier", [](Builder& b, const Value& v) { bfd(b).multiplier = static_cast<unsigned>(v.number); }},
    {D, "passive", [](Builder& b, const Value&) { bfd(b).passive = true; }},
    {D, "ttl", [](Builder& b, const Value& v) { bfd(b).ttl = static_cast<unsigned>(v.number); }},
    {D, "hoplimit", [](Builder& b, const Value& v) { bfd(b).ttl = static_cast<unsigned>(v.number); }},
    {D, "max_hops", [](Builder& b, const Value& v) { bfd(b).max_hops = static_cast<int>(v.number); }},
    {D, "multihop", [](Builder& b, const Value& v) { bfd(b).multihop = v.on; }},
    {D, "weight", [](Builder& b, const Value& v) { weight_of(v, bfd(b).weight, bfd(b).weight_reverse); }},
    {D, "vrrp", [](Builder& b, const Value&) { b.bfds.back().vrrp_only = true; }},
    {D, "checker", [](Builder& b, const Value&) { b.bfds.back().checker_only = true; }},

    {Block::root, "track_group", [](Builder& b, const Value& v) { begin_named(b, v, b.track_groups); }},
    {G, "group", members},

    {I, "track_file", [](Builder& b, const Value& v) { read_tracks(b, v, "file", most_of_number, b.instance().files); }},
    {Y, "track_file", [](Builder& b, const Value& v) { read_tracks(b, v, "file", most_of_number, b.group().files); }},
    {I, "track_process", [](Builder& b, const Value& v) { read_tracks(b, v, "process", most_of_number, b.instance().processes); }},
    {Y, "track_process", [](Builder& b, const Value& v) { read_tracks(b, v, "process", most_of_number, b.group().processes); }},
    {I, "track_bfd", [](Builder& b, const Value& v) { read_tracks(b, v, "bfd", most_of_bfd, b.instance().bfds); }},
    {Y, "track_bfd", [](Builder& b, const Value& v) { read_tracks(b, v, "bfd", most_of_bfd, b.group().bfds); }},
    {I, "track_src_ip", [](Builder& b, const Value&) { b.instance().out.track_src_ip = true; }},
};

}  // namespace

std::span<const Rule> track_rules() { return rules; }

}  // namespace xd::conf
