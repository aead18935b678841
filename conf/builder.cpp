#include "conf/builder.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "conf/advice.h"
#include "conf/values.h"

namespace xd::conf {

namespace {

// Rules by row of the keyword table.
const std::vector<const Rule*>& rules_by_row() {
  static const std::vector<const Rule*> built = [] {
    std::vector<const Rule*> rows(keywords().size(), nullptr);
    for (const auto& rules :
         {judged_rules(), global_rules(), vrrp_rules(), address_rules(), route_rules(), link_rules(), interface_rules(), track_rules(),
          lvs_rules(), ipvs_rules(), checker_rules(), daemon_rules(), server_group_rules(), xdirector_rules(), protocol_rules()}) {
      for (const Rule& rule : rules) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
          if (keywords()[i].block == rule.block && keywords()[i].name == rule.keyword) rows[i] = &rule;
        }
      }
    }
    return rows;
  }();
  return built;
}

std::size_t row_of(const Keyword& keyword) { return static_cast<std::size_t>(&keyword - keywords().data()); }

std::string in_seconds(std::int64_t microseconds) { return fmt::format("{:g}", static_cast<double>(microseconds) / 1e6); }

std::string choices_of(std::string_view form) {
  std::string out;
  for (const char c : form) {
    if (c != ' ') out += c == '|' ? std::string(", ") : std::string(1, c);
  }
  return out;
}

std::vector<std::string_view> split_choices(std::string_view form) {
  std::vector<std::string_view> out;
  while (!form.empty()) {
    const auto bar = form.find('|');
    std::string_view one = form.substr(0, bar);
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    out.push_back(one);
    if (bar == std::string_view::npos) break;
    form.remove_prefix(bar + 1);
  }
  return out;
}

}  // namespace

bool is_obeyed(const Keyword& keyword) {
  if (keyword.argument.kind == Arg::option) return true;  // those of a line that are not, say so where they stand
  const Rule* rule = rules_by_row()[row_of(keyword)];
  return rule && rule->effect == Rule::Effect::obeyed;
}

Builder::Builder(Model& m, Diagnostics& diagnostics, const Text& text, const Options& o)
    : model(m), options(o), diagnostics_(diagnostics), text_(text), ineffective_said_(keywords().size(), false) {}

void Builder::report(Diagnostic d, const Token& at) {
  if (diagnostics_.full()) return diagnostics_.count(d.severity, d.verdict);
  d.place = text_.place(at);
  text_.add_origin_notes(at, d.notes);
  diagnostics_.add(std::move(d));
}

void Builder::warn(const Token& at, std::string message, std::string expected, std::string hint) {
  Diagnostic d;
  d.message = std::move(message);
  d.expected = std::move(expected);
  d.hint = std::move(hint);
  report(std::move(d), at);
}

void Builder::advise(const Token& at, std::string message) {
  Diagnostic d;
  d.message = std::move(message);
  d.verdict = TestVerdict::fine;
  report(std::move(d), at);
}

void Builder::fail(const Token& at, std::string message, std::string expected) {
  Diagnostic d;
  d.severity = Severity::error;
  d.message = std::move(message);
  d.expected = std::move(expected);
  report(std::move(d), at);
}

void Builder::lacks(const Token& at, std::string message) {
  Diagnostic d;
  d.severity = Severity::error;
  d.verdict = TestVerdict::unusable;
  d.message = std::move(message);
  report(std::move(d), at);
}

std::string_view text_of_command(const Token& t) {
  const std::string_view s = t.text;
  const bool in_single_quotes = t.kind == Token::Kind::word && s.size() > 1 && s.front() == '\'' && s.back() == '\'';
  return in_single_quotes ? s.substr(1, s.size() - 2) : s;
}

Script Builder::command(std::span<const Token> args) {
  Script s;
  if (args.empty()) return s;
  s.words = split_command(text_of_command(args[0]));
  if (args.size() > 1) s.user = args[1].text;
  if (args.size() > 2) s.group = args[2].text;
  runs(s, args[0]);
  return s;
}

void Builder::runs(const Script& script, const Token& at) {
  if (script) programs_.emplace(script.words.front(), Program{at, script.user});
}

void Builder::check_programs() {
  if (!options.script_problem) return;
  const Token* insecure = nullptr;
  for (const auto& [program, use] : programs_) {
    const Token& at = use.at;
    const Script script{{program}, use.user.empty() ? model.global.script_user : use.user, {}};
    if (const std::string problem = options.script_problem(script); !problem.empty()) {
      advise(at, fmt::format("{}: it will not run", problem));
      continue;
    }
    if (!insecure || at.buffer < insecure->buffer || (at.buffer == insecure->buffer && at.offset < insecure->offset)) insecure = &at;
    const std::string hazard = options.script_hazard ? options.script_hazard(script) : std::string();
    if (hazard.empty()) continue;
    Diagnostic d;
    d.message = fmt::format("{} runs as root{}: {}", program, model.global.enable_script_security ? ", so it will not run" : "", hazard);
    d.hint = "take the permission away, or give the script a user of its own (script_user)";
    d.verdict = TestVerdict::fine;
    report(std::move(d), at);
  }
  if (!insecure || model.global.enable_script_security || diagnostics_.errors() > 0) return;
  Diagnostic d;
  d.message = "scripts are run, but enable_script_security is not set";
  d.hint = "with it in global_defs, scripts that others than root could change are refused";
  d.verdict = TestVerdict::security;
  report(std::move(d), *insecure);
}

void Builder::add_enclosing_note(Diagnostic& d) const {
  if (enclosing_.empty()) return;
  const auto& [tree, statement] = enclosing_.back();
  const auto args = tree->arguments(*statement);
  const Token& keyword = tree->keyword(*statement);
  d.notes.push_back(
      {text_.place(keyword), fmt::format("in {}{}{}", keyword.text, args.empty() ? "" : " ", args.empty() ? "" : args.front().text)});
}

void Builder::check_account(std::span<const Token> words, std::string_view keyword) {
  if (!options.account_problem || words.empty()) return;
  const std::string problem =
      options.account_problem(std::string(words[0].text), words.size() > 1 ? std::string(words[1].text) : std::string());
  if (!problem.empty()) warn(words[0], fmt::format("{}: {}", keyword, problem));
}

bool Builder::interface_exists(const Token& name, std::string_view user) {
  if (model.global.dynamic_interfaces || !options.interface_exists || options.interface_exists(std::string(name.text))) return true;
  fail(name, fmt::format("interface {} of {} does not exist", name.text, user));
  return false;
}

void Builder::add(const Tree& tree) {
  const Statement& s = tree.root();
  if (s.token_count == 0) return;  // a block without a keyword: said by the parser
  enclosing_.clear();
  statement(tree, s, Block::root, Within::effect);
}

void Builder::unknown(const Tree& tree, const Statement& s, Block block) {
  if (diagnostics_.full()) return diagnostics_.count(Severity::warning, TestVerdict::problem);
  const Token& at = tree.keyword(s);
  const Keyword* top = find_keyword(Block::root, at.text);
  Diagnostic d;
  if (top && block != Block::root) {
    d.message = fmt::format("{} belongs at the top level, not in {}", at.text, info(block).path);
    if (top->argument.opens != Block::none && !enclosing_.empty()) d.hint = "is a '}' missing before it?";
  } else {
    d.message = fmt::format("unknown keyword '{}'", at.text);
    if (block != Block::root) d.message += fmt::format(" in {}", info(block).path);
    std::vector<std::string_view> names;
    for (const Keyword* k : keywords(block)) names.push_back(k->name);
    const std::string_view close = nearest(at.text, names);
    if (!close.empty()) {
      d.hint = fmt::format("did you mean '{}'?", close);
    } else if (const auto homes = blocks_with(at.text); !homes.empty()) {
      d.hint = fmt::format("it stands in {}", info(homes.front()).path);
    }
  }
  report(std::move(d), at);
}

void Builder::children(const Tree& tree, const Statement& s, Block block, Within within) {
  enclosing_.push_back({&tree, &s});
  for (const Statement* c = tree.first(s); c; c = tree.after(*c)) {
    if (c->token_count > 0) statement(tree, *c, block, within);
  }
  enclosing_.pop_back();
}

void Builder::statement(const Tree& tree, const Statement& s, Block block, Within within) {
  const Keyword* keyword = find_keyword(block, tree.keyword(s).text);
  if (!keyword) return unknown(tree, s, block);

  const std::size_t row = row_of(*keyword);
  const Rule* rule = rules_by_row()[row];
  Value value{*keyword, tree, s, tree.arguments(s)};
  if (!check_arguments(value, within)) {
    if (block == Block::vrrp_instance && keyword->name == "virtual_router_id") instance().vrid_refused = true;
    if (block == Block::vrrp_instance && keyword->name == "interface") instance().interface_refused = true;
    // A mistyped priority must not make an owner (255) of an instance that says state MASTER.
    if (block == Block::vrrp_instance && keyword->name == "priority") instance().priority = 100;
    return;
  }
  const bool judged = rule && rule->effect == Rule::Effect::judged;
  const bool obeyed = rule && rule->effect == Rule::Effect::obeyed;
  const bool says_so_itself = rule && rule->effect == Rule::Effect::declined;
  if (!obeyed && !says_so_itself && within == Within::effect && !ineffective_said_[row]) {
    ineffective_said_[row] = true;
    advise(value.at(), fmt::format("accepted, not in effect yet: {}", keyword->name));
  }
  const bool applies = rule && (judged || within != Within::judged);
  if (applies) rule->apply(*this, value);
  if (block == Block::vrrp_instance && keyword->argument.kind == Arg::values) note_entries(value);
  if (std::exchange(skip_, false)) return;
  if (keyword->argument.opens != Block::none) {
    const Within inside = obeyed ? Within::effect : rule && !judged ? Within::stored : Within::judged;
    children(tree, s, keyword->argument.opens, std::max(within, inside));
  }
  if (applies && rule->leave && within != Within::judged) rule->leave(*this, value);
}

void Builder::note_entries(const Value& v) {
  for (const Statement* s = v.tree.first(v.statement); s; s = v.tree.after(*s)) instance().entries_at.push_back(v.tree.keyword(*s));
}

void Builder::missing_argument(const Value& v) {
  Diagnostic d;
  const bool lenient = v.keyword.argument.lenient;
  d.severity = lenient ? Severity::warning : Severity::error;
  d.verdict = lenient ? TestVerdict::problem : TestVerdict::unusable;
  d.message = fmt::format("{} needs an argument", v.keyword.name);
  d.expected = v.keyword.form;
  report(std::move(d), v.at());
}

// "<weight> [reverse|noreverse]". False: the keyword takes no such word.
bool Builder::check_reverse(Value& v) {
  const auto bracket = v.keyword.form.find(" [reverse");
  if (bracket == std::string_view::npos) return false;
  if (v.args.size() < 2) return true;
  const Token& option = v.args[1];
  std::string_view form = v.keyword.form.substr(bracket + 2);
  form.remove_suffix(1);
  const auto choices = split_choices(form);
  v.reverse = option.text == "reverse";
  if (std::find(choices.begin(), choices.end(), option.text) == choices.end()) {
    const std::string_view close = nearest(option.text, choices);
    warn(option, fmt::format("{}: '{}' is no option; it is ignored", v.keyword.name, option.text), choices_of(form),
         close.empty() ? "" : fmt::format("did you mean '{}'?", close));
  }
  return true;
}

// True when the statement means something that a rule can act on.
bool Builder::check_arguments(Value& v, Within within) {
  const Keyword& k = v.keyword;
  const Argument& a = k.argument;
  const bool takes_block = a.opens != Block::none || a.kind == Arg::values || a.kind == Arg::named_values;

  if (takes_block && !v.statement.has_block) {
    // keepalived reads an empty list where nothing follows a list keyword.
    if (a.kind == Arg::values && k.block != Block::root) return true;
    warn(v.at(), fmt::format("'{{' is missing after {}", k.name));
    return false;
  }
  if (!takes_block && v.statement.has_block) {
    warn(v.statement.open, fmt::format("{} takes no block; the block is ignored", k.name));
  }

  const auto out_of_range = [&](const std::string& low, const std::string& high) {
    const bool required = k.fallback == "required";
    Diagnostic d;
    d.severity = required ? Severity::error : Severity::warning;
    d.message = high.empty() ? fmt::format("{} {} is below {}", k.name, v.word(), low)
                             : fmt::format("{} {} is outside {}{}{}", k.name, v.word(), low, low.starts_with('-') ? ".." : "-", high);
    if (!required) d.message += k.block == Block::vrrp_instance && k.name == "priority" ? "; 100 is used" : "; the line is ignored";
    add_enclosing_note(d);
    report(std::move(d), v.where());
    return false;
  };
  const auto wrong = [&](std::string_view what) {
    warn(v.where(), fmt::format("{} '{}': {}; the line is ignored", k.name, v.word(), what), std::string(k.form));
    return false;
  };

  std::size_t most = 1;
  switch (a.kind) {
    case Arg::flag: most = 0; break;
    case Arg::boolean:
      if (v.args.empty()) break;
      if (const auto on = parse_boolean(v.word())) {
        v.on = *on;
      } else {
        return wrong("is neither true, on, yes nor false, off, no");
      }
      break;
    case Arg::integer: {
      if (v.args.empty()) {
        v.given = false;
        if (!a.optional) return missing_argument(v), false;
        break;
      }
      const Number n = parse_integer(v.word());
      if (n.written == Written::none) return wrong("is not a number");
      if (n.written == Written::rubbish_behind)
        warn(v.where(), fmt::format("{} '{}': {} is taken, what follows the number is ignored", k.name, v.word(), n.value));
      if (n.value < a.minimum || n.value > a.maximum) {
        return out_of_range(std::to_string(a.minimum), a.maximum >= 2'147'483'647 && n.value < a.minimum ? "" : std::to_string(a.maximum));
      }
      v.number = n.value;
      most = check_reverse(v) ? 2 : 1;
      break;
    }
    case Arg::seconds:
    case Arg::milliseconds: {
      if (v.args.empty()) return missing_argument(v), false;
      bool rounded = false;
      const std::int64_t scale = a.kind == Arg::seconds ? 1'000'000 : 1'000;
      const Number n = parse_decimal(v.word(), scale, rounded);
      if (n.written == Written::none) return wrong("is not a number");
      if (n.written == Written::rubbish_behind) {
        warn(v.where(), fmt::format("{} '{}': {} is taken, what follows the number is ignored", k.name, v.word(), in_seconds(n.value)));
      }
      if (rounded) warn(v.where(), fmt::format("{} {}: rounded to the microsecond", k.name, v.word()));
      if (n.value < a.minimum || n.value > a.maximum) {
        const bool endless = a.maximum == no_limit;
        if (a.minimum == 1 && n.value == 0) return wrong("must be more than 0");
        return out_of_range(in_seconds(a.minimum), endless ? "" : in_seconds(a.maximum));
      }
      constexpr std::int64_t longest = 100LL * 365 * 86'400 * 1'000'000;  // keeps nanoseconds within 64 bits
      v.duration = Duration{std::min(n.value, longest) * 1000};
      break;
    }
    case Arg::text:
    case Arg::interface:
      if (v.args.empty()) {
        if (k.name == "smtp_helo_name") return false;
        return missing_argument(v), false;
      }
      if (a.maximum == 1 && v.args.size() > 1) {
        warn(v.args[1], fmt::format("{} takes one word; the line is ignored", k.name), std::string(k.form));
        return false;
      }
      break;
    case Arg::address:
    case Arg::address4:
    case Arg::address6: {
      if (v.args.empty()) return missing_argument(v), false;
      const auto address = IpAddress::parse(v.word());
      if (!address) return wrong("is not an IP address");
      if (a.kind == Arg::address4 && !address->is_v4()) return wrong("is not an IPv4 address");
      if (a.kind == Arg::address6 && !address->is_v6()) return wrong("is not an IPv6 address");
      v.address = *address;
      break;
    }
    case Arg::command:
      if (v.args.empty() && !a.optional) return missing_argument(v), false;
      most = 3;
      break;
    case Arg::choice: {
      if (v.args.empty()) return missing_argument(v), false;
      const auto choices = split_choices(k.form);
      if (std::find(choices.begin(), choices.end(), v.word()) == choices.end()) {
        const std::string_view close = nearest(v.word(), choices);
        warn(v.where(), fmt::format("{} '{}' is unknown; the line is ignored", k.name, v.word()), choices_of(k.form),
             close.empty() ? "" : fmt::format("did you mean '{}'?", close));
        return false;
      }
      break;
    }
    case Arg::words:
      if (v.args.empty() && !a.optional) return missing_argument(v), false;
      return true;
    case Arg::named_block:
    case Arg::named_values:
      if (v.args.empty()) {
        // keepalived gives up at a track_file without a name; at its other blocks it goes on.
        if (k.argument.opens == Block::track_file) return missing_argument(v), false;
        warn(v.at(), fmt::format("{} needs a name; the block is ignored", k.name));
        return false;
      }
      break;
    case Arg::keyed_block:
      if (v.args.empty()) return missing_argument(v), false;
      return true;
    case Arg::block:
    case Arg::values: return true;
    case Arg::option: return false;
  }
  if (v.args.size() > most && within != Within::judged) {
    advise(v.args[most], fmt::format("'{}' is one word too many for {}; it is ignored", v.args[most].text, k.name));
  }
  return true;
}

void Builder::finish() {
  finish_vrrp(*this);
  finish_lvs(*this);
  finish_xdirector(*this);
  xd::conf::advise(*this);
  check_programs();
}

}  // namespace xd::conf
