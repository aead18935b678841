// Statements → model. The keyword table says what may stand where and checks arguments; a rule says what a keyword
// does.
//
// Rules only store what is written. Defaults, inheritance and everything that needs two statements at once happen when
// a block ends (virtual servers, which are many) or in finish() (the rest), because global_defs may come last in the
// file.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "conf/compile.h"
#include "conf/iproute_names.h"
#include "conf/keywords.h"
#include "conf/model.h"
#include "conf/text.h"
#include "conf/tree.h"

namespace xd::conf {

// A statement whose arguments have been checked against its row of the table.
struct Value {
  const Keyword& keyword;
  const Tree& tree;
  const Statement& statement;
  std::span<const Token> args;
  std::int64_t number = 0;  // integer
  Duration duration{};      // seconds, milliseconds
  bool on = true;           // boolean
  bool given = true;        // an optional argument was there
  bool reverse = false;     // the word behind a weight
  IpAddress address{};      // address, address4, address6

  const Token& at() const { return tree.keyword(statement); }
  // Where to point: the first argument, or the keyword when there is none.
  const Token& where() const { return args.empty() ? at() : args.front(); }
  std::string_view word() const { return args.empty() ? std::string_view{} : args.front().text; }
};

class Builder;

// garp_extra_if as written.
struct ExtraGarp {
  Duration interval{};
  bool all = false;
};

struct Rule {
  // stored: in the model, but no subsystem acts on it yet. declined: the same for good, and the rule says what to write instead.
  // judged: looked at and said to be wrong when it is, no more; such a rule also runs in blocks that are not obeyed themselves.
  enum class Effect : std::uint8_t { obeyed, stored, declined, judged };
  Block block;
  std::string_view keyword;
  void (*apply)(Builder&, const Value&);
  void (*leave)(Builder&, const Value&) = nullptr;  // at the end of its block
  Effect effect = Effect::obeyed;
};

std::span<const Rule> global_rules();
std::span<const Rule> vrrp_rules();
std::span<const Rule> track_rules();
std::span<const Rule> lvs_rules();
std::span<const Rule> checker_rules();
std::span<const Rule> daemon_rules();
std::span<const Rule> xdirector_rules();
std::span<const Rule> ipvs_rules();
std::span<const Rule> server_group_rules();
std::span<const Rule> judged_rules();
std::span<const Rule> protocol_rules();
std::span<const Rule> address_rules();
std::span<const Rule> route_rules();
std::span<const Rule> link_rules();
std::span<const Rule> interface_rules();

// What stands between the quotes of a command or a word of one. Those may be '...' as well.
std::string_view text_of_command(const Token& token);

// Whether the daemon acts on a keyword.
bool is_obeyed(const Keyword& keyword);

// "weight <n> [reverse|noreverse]" behind the name of a tracked thing. What is not written is the thing's own, also `reverse` behind
// a weight.
struct WrittenWeight {
  std::optional<int> value;
  std::optional<bool> reverse;

  void apply(Track& track, int own_value, bool own_reverse) const {
    track.weight = value.value_or(own_value);
    track.reverse = reverse.value_or(own_reverse);
  }
};

// A list of tracked things as written.
struct TrackDrafts {
  std::vector<Track> tracks;
  std::vector<WrittenWeight> weights;
  std::vector<Token> at;
};

// What is written in one vrrp_instance, before defaults.
struct InstanceDraft {
  VrrpInstance out;
  Token at;  // its name
  Token accept_at, down_timer_at, lower_prio_no_advert_at, higher_prio_send_advert_at, garp_lower_at;
  Token vrid_at, interface_at, advert_int_at, nopreempt_at, preempt_delay_at, auth_at, priority_at, addresses_at;
  std::vector<Token> entries_at;                         // first words of the lines of its lists
  bool vrid_refused = false, interface_refused = false;  // there is such a line; what is wrong with it has been said
  bool state_given = false;
  bool auth_given = false;
  Token auth_hmac_at;
  std::optional<Duration> hmac_window;
  std::optional<bool> owner_ignores_adverts;
  bool mac_lacks_vrid = false;  // use_vmac names five octets
  Token vmac_only_at;           // a keyword that makes sense with use_vmac only
  bool has_auth_pass = false;
  bool unicast_given = false;
  std::optional<int> version;
  std::optional<std::uint8_t> priority;
  std::optional<Duration> advert_interval;
  std::optional<unsigned> down_timer_adverts;
  std::optional<bool> strict, accept, skip_check_adv_addr, checksum_as_v2, lower_prio_no_advert, higher_prio_send_advert, smtp_alert,
      notify_priority_changes;
  std::optional<unsigned> garp_repeat, garp_refresh_repeat, garp_lower_repeat;
  std::optional<Duration> garp_delay, garp_refresh, garp_lower_delay;
  std::optional<ExtraGarp> garp_extra;
  int family = 0;  // 0: nothing said yet
  Token family_at;
  std::vector<WrittenWeight> script_weights;  // beside out.track_scripts
  std::vector<Token> script_at;
  std::vector<Token> interface_tracks_at;
  TrackDrafts files, processes, bfds;
};

struct ScriptDraft {
  VrrpScript out;
  Token at, script_at;
};

struct TrackFileDraft {
  TrackFile out;
  Token at;
};

struct TrackProcessDraft {
  TrackProcess out;
  Token at, quorum_at;
  bool full_command = false;
};

struct BfdDraft {
  BfdInstance out;
  Token at;
  bool vrrp_only = false, checker_only = false;
};

struct TrackGroupDraft {
  TrackGroup out;
  Token at;
  std::vector<Token> members_at;
};

struct GroupDraft {
  VrrpSyncGroup out;
  Token at;
  std::vector<Token> members_at;
  std::vector<WrittenWeight> script_weights;
  std::vector<Token> script_at;
  std::vector<Token> interface_tracks_at;
  TrackDrafts files, processes, bfds;
  std::optional<bool> smtp_alert;
  bool notify_priority_changes = false;
};

// The settings that a checker takes from its real server, and that from its virtual server.
struct CheckDefaults {
  std::optional<Duration> delay_loop, delay_before_retry, warmup, connect_timeout;
  std::optional<unsigned> retry;
  std::optional<bool> alpha, log_all_failures;

  void take_missing_from(const CheckDefaults& other);
};

struct CheckerDraft {
  Checker out;
  CheckDefaults own;
  Token at;
  std::optional<Duration> misc_timeout;
  bool tls_compliant = false;
  bool name_refused = false;        // it names what is not there, and that has been said
  std::vector<CheckerDraft> hosts;  // of SMTP_CHECK
  bool in_host = false;             // the last of them is being read
};

// lvs_method
struct ForwardMethod {
  lvs::Forward forward = lvs::Forward::nat;
  lvs::Tunnel tunnel;
};

struct RealServerDraft {
  RealServer out;
  Token at;
  CheckDefaults own;
  std::optional<std::uint32_t> weight;
  std::optional<ForwardMethod> forward;
  std::optional<bool> inhibit, smtp_alert;
  std::string virtualhost;
  std::vector<CheckerDraft> checkers;
};

struct VirtualServerDraft {
  VirtualServer out;
  Token at;
  CheckDefaults own;
  bool scheduler_given = false, forward_given = false, protocol_given = false;
  std::optional<std::uint32_t> weight;  // of real servers that follow
  bool inhibit = false;
  std::optional<bool> smtp_alert;
  std::optional<ForwardMethod> sorry_forward;
  bool sorry_inhibit = false;
  Token sorry_at, quorum_at, hysteresis_at;
  int mark_family = 0;
  bool is_member = false;  // of a group, with the member's key
  std::vector<RealServerDraft> real_servers;
};

// A virtual_server_group: each member becomes a virtual server of its own.
struct ServerGroupDraft {
  struct Member {
    lvs::ServiceKey key;
    int mark_family = 0;  // of a firewall mark; 0: that of the real servers
  };
  std::string name;
  Token at;
  std::vector<Member> members;
  bool used = false;
  bool full = false;  // and that has been said
};

class Builder {
 public:
  Builder(Model& model, Diagnostics& diagnostics, const Text& text, const Options& options);

  // One top-level statement.
  void add(const Tree& tree);
  // After the last one: defaults, inheritance, checks across blocks.
  void finish();

  // ---- for rules
  Model& model;
  const Options& options;
  std::vector<InstanceDraft> instances;
  std::vector<ScriptDraft> scripts;
  std::vector<GroupDraft> groups;
  std::vector<TrackFileDraft> track_files;
  std::vector<TrackProcessDraft> track_processes;
  std::vector<BfdDraft> bfds;
  std::vector<TrackGroupDraft> track_groups;
  VirtualServerDraft virtual_server;  // the one that is being read
  std::optional<bool> smtp_alert, smtp_alert_vrrp, smtp_alert_checker, checker_log_all_failures;
  std::optional<unsigned> down_timer_adverts;
  std::optional<Duration> garp_lower_delay;
  std::optional<unsigned> garp_lower_repeat;
  bool lower_prio_no_advert = false, higher_prio_send_advert = false, checksum_as_v2 = false, min_garp = false, check_unicast_src = false;
  bool notify_priority_changes = false;
  bool owner_ignores_adverts = false;
  struct HeartbeatDraft {
    Heartbeat out;
    Token at;
  };
  struct FenceDraft {
    Fence out;
    Token at;
  };
  std::vector<HeartbeatDraft> heartbeats;
  std::vector<FenceDraft> fences;
  IprouteNames iproute_names;
  Token sync_daemon_at;
  Token garp_group_at;
  ExtraGarp garp_extra;
  bool vmac_addr_prefix_given = false;
  bool garp_delay_given = false, garp_repeat_given = false, garp_lower_given = false;
  // Real servers and virtual servers that take smtp_alert from global_defs, and checkers that take log_all_failures
  // from there.
  struct Undecided {
    std::uint32_t virtual_server;
    std::int32_t real_server;  // -1: the virtual server itself
    std::int32_t checker;      // -1: smtp_alert of the server; else log_all_failures of this checker
  };
  std::vector<Undecided> undecided;
  std::vector<std::pair<lvs::ServiceKey, Token>> service_places;  // beside model.virtual_servers
  struct EngineChoice {
    lvs::ServiceKey key;
    std::optional<Engine> engine;
    std::uint32_t rate_limit = 0;
    std::vector<MarkMatch> matches;
    Token at;
  };
  std::vector<EngineChoice> engines;
  std::vector<ServerGroupDraft> server_groups;
  std::vector<VirtualServerDraft> of_groups;  // virtual_server group NAME, until all groups are known
  std::set<std::string> defined_track_files, defined_bfds;

  InstanceDraft& instance() { return instances.back(); }
  ScriptDraft& script() { return scripts.back(); }
  GroupDraft& group() { return groups.back(); }
  RealServerDraft& real_server() { return virtual_server.real_servers.back(); }
  CheckerDraft& checker() {
    CheckerDraft& c = real_server().checkers.back();
    return c.in_host ? c.hosts.back() : c;
  }
  HttpUrl& url() { return std::get<HttpCheck>(checker().out.check).urls.back(); }

  // Called by the rule of a block: what is in it is not read.
  void skip_block() { skip_ = true; }

  // The statement is not obeyed as written.
  void warn(const Token& at, std::string message, std::string expected = {}, std::string hint = {});
  // Our own advice: keepalived's config test would not fail on it.
  void advise(const Token& at, std::string message);
  // The configuration cannot be used.
  void fail(const Token& at, std::string message, std::string expected = {});
  // The same because an argument is missing, which the configuration test tells apart.
  void lacks(const Token& at, std::string message);
  void report(Diagnostic diagnostic, const Token& at);
  Place place(const Token& token) const { return text_.place(token); }

  // A word as a program with its arguments, and user and group behind it.
  Script command(std::span<const Token> args);
  // Notes the program for the check at the end.
  void runs(const Script& script, const Token& at);
  // "<user> [<group>]": says when there is no such user or group.
  void check_account(std::span<const Token> words, std::string_view keyword);
  // "does not exist" is said here; true when it exists or nobody can tell.
  bool interface_exists(const Token& name, std::string_view user);

 private:
  // What becomes of the statements of a block: they count; they are stored without a word, because that nobody acts on them
  // was said of the block; they are only judged.
  enum class Within : std::uint8_t { effect, stored, judged };
  void statement(const Tree& tree, const Statement& s, Block block, Within within);
  void children(const Tree& tree, const Statement& s, Block block, Within within);
  void unknown(const Tree& tree, const Statement& s, Block block);
  bool check_arguments(Value& value, Within within);
  bool check_reverse(Value& value);
  void missing_argument(const Value& value);
  void note_entries(const Value& value);

  Diagnostics& diagnostics_;
  const Text& text_;
  bool skip_ = false;
  struct Enclosing {
    const Tree* tree;
    const Statement* statement;
  };
  void add_enclosing_note(Diagnostic& diagnostic) const;
  void check_programs();

  std::vector<Enclosing> enclosing_;  // the open blocks, outermost first
  struct Program {
    Token at;          // where it was first named
    std::string user;  // empty: script_user
  };
  std::unordered_map<std::string, Program> programs_;  // what scripts run
  std::vector<bool> ineffective_said_;                 // by row
};

// finish(), by subject.
void finish_vrrp(Builder& b);
// Names of links that instances make, once the instances are complete.
void finish_links(Builder& b);
// The things that instances track, before finish_vrrp; and with each instance and group.
void finish_track_definitions(Builder& b);
void finish_tracks(Builder& b, InstanceDraft& instance);
void finish_tracks(Builder& b, GroupDraft& group);
// An instance's own weights, in a group without sync_group_tracking_weight.
void drop_track_weights(Builder& b, InstanceDraft& instance, std::string_view group);
void finish_lvs(Builder& b);
void finish_xdirector(Builder& b);
// For each instance, before finish_vrrp is through.
void finish_protocol(Builder& b, InstanceDraft& draft);
// At the end of each virtual_server.
void finish_virtual_server(Builder& b);
// Before the rest of finish_lvs.
void expand_server_groups(Builder& b);

}  // namespace xd::conf
