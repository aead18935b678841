// The compiled configuration: what keepalived.conf means, typed, with every default and inheritance applied.
//
// A Model is a value: it can be compared (a reload is a comparison of two), printed and passed on. It knows no kernel
// and no process; an interface is a name here. Names are keepalived.conf's. Durations are nanoseconds.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/lvs.h"
#include "base/mail_settings.h"
#include "base/route.h"
#include "base/time.h"
#include "conf/model_daemon.h"

namespace xd::conf {

// A program with its arguments, and whom to run it as. Empty words: none configured.
struct Script {
  std::vector<std::string> words;
  std::string user;  // empty: script_user of global_defs
  std::string group;
  explicit operator bool() const { return !words.empty(); }
  bool operator==(const Script&) const = default;
};

// ---- global_defs
// ------------------------------------------------------------------------------------------------------

struct Mail {
  std::vector<std::string> to;
  std::string from;
  std::string server;  // host name or address
  std::uint16_t port = 25;
  Duration connect_timeout = 30s;
  std::string helo_name;
  bool operator==(const Mail&) const = default;
};

// Gratuitous ARP and unsolicited neighbour advertisements: vrrp_garp_* in global_defs are the instances' defaults.
struct GarpSettings {
  unsigned repeat = 5;    // at once, on becoming master
  Duration delay = 5s;    // then `repeat` again after this; 0: not
  Duration refresh = 0s;  // 0: never
  unsigned refresh_repeat = 1;
  unsigned lower_prio_repeat = 5;
  Duration lower_prio_delay = 5s;
  bool operator==(const GarpSettings&) const = default;
};

// A named pipe that events are written to, line by line, and the program that is started to read it (it gets the path as its
// last word).
struct Fifo {
  std::string path;  // empty: none
  std::string user;  // owner of the pipe; empty: the daemon's
  std::string group;
  Script reader;
  explicit operator bool() const { return !path.empty(); }
  bool operator==(const Fifo&) const = default;
};

// A program that start or stop waits for.
struct TimedScript {
  Script script;
  Duration timeout = 10s;
  bool operator==(const TimedScript&) const = default;
};

// Marks that nftables gives to the traffic of virtual_server_groups, so that IPVS has one service for each of them.
struct NftablesIpvs {
  std::string table;  // empty: not used
  int priority = -1;
  std::uint32_t start_fwmark = 1000;
  bool operator==(const NftablesIpvs&) const = default;
};

// What goes from IPVS when the daemon stops: no: what is ours, one by one in keepalived; services: the same by service; all:
// what others put there as well.
enum class LvsFlushOnStop { no, services, all };

// Seconds; 0: as the kernel has it.
struct LvsTimeouts {
  std::uint32_t tcp = 0, tcp_fin = 0, udp = 0;
  bool operator==(const LvsTimeouts&) const = default;
};

// The table of no_accept's filters.
struct Nftables {
  std::string table = "keepalived";
  int priority = -1;      // of its base chains
  bool counters = false;  // in each rule
  bool ifindex = false;   // links are matched by number, not by name
  // Names of chains and of ipsets in files from the time of iptables; nftables does the work all the same.
  std::optional<std::vector<std::string>> iptables_chains, ipsets;
  bool operator==(const Nftables&) const = default;
};

// The kernel's IPVS connection synchronisation.
struct LvsSyncDaemon {
  std::string interface;
  std::string instance;            // of VRRP, whose state it follows; empty: master and backup at once
  std::optional<std::uint8_t> id;  // default: the instance's VRID, else 0
  std::optional<std::uint16_t> maxlen;
  std::optional<std::uint16_t> port;
  std::optional<std::uint8_t> ttl;
  std::optional<IpAddress> group;
  bool operator==(const LvsSyncDaemon&) const = default;
};

struct Global {
  DaemonSettings daemon;
  std::string router_id;  // default: the host name
  Mail mail;
  bool no_email_faults = false;    // no mail for FAULT
  bool no_checker_emails = false;  // of checkers: only when a real server changes
  Fifo notify_fifo;                // all events
  Fifo vrrp_notify_fifo, lvs_notify_fifo;
  bool fifo_write_vrrp_states_on_reload = false;
  TimedScript startup_script, shutdown_script;
  Duration child_wait_time = 5s;       // from the order to stop to SIGKILL
  std::optional<std::uint32_t> umask;  // -u counts more
  int json_version = 1;                // of the JSON dump
  std::string script_user;             // empty: keepalived_script when it exists, else the daemon's user
  std::string script_group;
  bool enable_script_security = false;
  bool use_symlink_paths = false;  // a script's path is used as written, links in it are not resolved
  int vrrp_version = 2;
  bool vrrp_strict = false;
  bool vrrp_skip_check_adv_addr = false;
  IpAddress vrrp_mcast_group4;  // 224.0.0.18
  IpAddress vrrp_mcast_group6;  // ff02::12
  GarpSettings garp;
  Nftables nftables;
  std::optional<LvsSyncDaemon> lvs_sync_daemon;
  Duration garp_interval = 0s;  // between frames on one interface; 0: none
  Duration gna_interval = 0s;
  Duration vrrp_startup_delay = 0s;
  bool log_unknown_vrids = false;
  Duration vrrp_delay_after_boot = 0s;
  std::string default_interface = "eth0";  // of static addresses
  bool dynamic_interfaces = false;         // an interface need not exist yet
  bool allow_if_changes = false;           // nor be of the same kind when it comes back
  bool disable_local_igmp = false;
  std::string vmac_prefix = "vrrp", vmac_addr_prefix = "vrrp";
  bool lvs_flush = false;
  bool rs_init_notifies = false;  // notify_up and notify_down also for what is so at start
  NftablesIpvs nftables_ipvs;
  LvsFlushOnStop lvs_flush_on_stop = LvsFlushOnStop::no;
  LvsTimeouts lvs_timeouts;
  bool operator==(const Global&) const = default;
};

// ---- VRRP
// -------------------------------------------------------------------------------------------------------------

// An address that is put on an interface: a VIP, or one of static_ipaddress.
struct VirtualAddress {
  IpPrefix prefix;
  std::string interface;  // empty: the instance's; for a static one default_interface
  std::string label;
  int scope = 0;                       // RT_SCOPE_*
  std::optional<IpAddress> broadcast;  // "brd"; set by '+' to the network's
  std::optional<IpAddress> peer;       // of a point-to-point link; the prefix length is the peer's
  bool no_track = false;
  bool home = false;                 // IPv6: of a mobile node
  bool duplicate_detection = false;  // "-nodad"
  bool mngtmpaddr = false;           // IPv6: temporary addresses are made from it
  bool noprefixroute = false;
  bool autojoin = false;                       // a multicast address: the group is joined
  std::optional<std::uint32_t> preferred_lft;  // seconds; 0: never chosen as a source; none: forever
  bool use_vmac = false;                       // on a link of its own that has the virtual MAC
  std::string link;                            // that link; empty: none
  std::string track_group;                     // of static ones: the instances that follow it
  bool operator==(const VirtualAddress&) const = default;
};

// Routes and policy rules that an instance has while it is master, or that are there all the time (static_routes, static_rules).
struct VirtualRoute {
  Route route;
  bool no_track = false;
  std::string track_group;
  std::string vrf;  // in whose table it stands; empty: in the route's own
  // A removal by others is noticed only of a route that names its interface, as in keepalived.
  bool is_tracked() const { return !no_track && route.hops.empty() && !route.hop.interface.empty(); }
  bool operator==(const VirtualRoute&) const = default;
};

struct VirtualRule {
  PolicyRule rule;
  bool no_track = false;
  std::string track_group;
  bool operator==(const VirtualRule&) const = default;
};

// What an instance sends from instead of its interface: a macvlan that has the virtual router's MAC (use_vmac), or an ipvlan.
struct VirtualLink {
  enum class Kind { none, macvlan, ipvlan };
  enum class IpvlanMode { bridge, private_, vepa };

  Kind kind = Kind::none;
  std::string name;  // with the prefix and the VRID where none is given
  MacAddress mac;    // macvlan
  IpvlanMode mode = IpvlanMode::bridge;
  std::optional<IpPrefix> address;  // ipvlan: its source address
  std::uint32_t group = 0;          // of interfaces (ip link show group)
  bool operator==(const VirtualLink&) const = default;
};

enum class AuthType { none, pass, ah };

struct Authentication {
  AuthType type = AuthType::none;
  std::array<std::uint8_t, 8> data{};  // zero padded
  bool operator==(const Authentication&) const = default;
};

// A trailer behind each advert, made with a shared key (keepalived 2.4): who has no key is not heard, and neither is a recording.
struct AuthHmac {
  enum class Mode : std::uint8_t { enforce, permissive, receive_only };
  struct Key {
    std::uint8_t id = 0;
    std::string secret;  // 32 to 64 bytes
    std::string file;    // read from there when the configuration takes effect; empty: written in the configuration
    bool operator==(const Key&) const = default;
  };
  std::vector<Key> keys;        // empty: no trailer
  std::uint8_t active_key = 0;  // for what we send
  Duration time_window = 5s;    // how far clocks may be apart
  bool monotonic = false;       // only growing numbers are asked for, not the time
  Mode mode = Mode::enforce;    // permissive: adverts without trailer count; receive_only: and we send none either
  explicit operator bool() const { return !keys.empty(); }
  bool operator==(const AuthHmac&) const = default;
};

// A reference to a tracked thing with the weight that counts for this user of it.
struct Track {
  std::string name;
  int weight = 0;        // 0: failure is a fault; else added while up (>0) or down (<0)
  bool reverse = false;  // what the weight adds is taken away; weight 0: to be up is the failure
  bool operator==(const Track&) const = default;
};

struct NotifyScripts {
  Script master, backup, fault, stop, deleted;
  bool tells_deleted = false;  // notify_deleted, with a script or without: an instance that a reload removes is DELETED, else in FAULT
  Script any;                  // "notify": gets type, name, state, priority as further words
  Script master_rx_lower_pri;
  bool operator==(const NotifyScripts&) const = default;
};

enum class WantedState { backup, master };

// The pseudo-header that releases of keepalived before 1.3.7 put under unicast adverts of version 3.
enum class OldChecksum : std::uint8_t { automatic, always, never };  // automatic: as the peers do

// One unicast peer, and how far away it may be: adverts from it with another TTL are not believed.
struct UnicastPeer {
  IpAddress address;
  std::uint8_t min_ttl = 0;
  std::uint8_t max_ttl = 255;

  UnicastPeer(const IpAddress& peer = {}) : address(peer) {}  // NOLINT(google-explicit-constructor)
  bool has_limits() const { return min_ttl > 0 || max_ttl < 255; }
  bool operator==(const UnicastPeer&) const = default;
};

struct VrrpInstance {
  std::string name;
  std::string interface;  // empty: unicast by whatever way the kernel's routes lead
  std::string vrf;        // of such an instance: the way is looked for in this VRF
  std::uint8_t vrid = 0;
  int version = 2;
  int family = AF_INET;
  WantedState initial_state = WantedState::backup;
  std::uint8_t priority = 100;    // 255: address owner
  Duration advert_interval = 1s;  // whole seconds for v2, centiseconds for v3
  bool nopreempt = false;
  Duration preempt_delay = 0s;
  unsigned down_timer_adverts = 3;
  Authentication authentication;
  AuthHmac auth_hmac;
  bool strict = false;
  bool accept = true;
  bool skip_check_adv_addr = false;
  bool checksum_as_v2 = false;  // v3 over IPv4 without pseudo-header
  OldChecksum old_unicast_checksum = OldChecksum::automatic;
  bool owner_ignores_adverts = false;
  std::uint8_t timer_expired_backup = 0;  // priority of the highest other router; 0: off
  bool lower_prio_no_advert = false;
  bool higher_prio_send_advert = false;
  bool promote_secondaries = false;
  bool dont_track_primary = false;
  std::optional<IpAddress> mcast_src_ip;
  std::optional<IpAddress> mcast_dst_ip;  // default: the group of global_defs
  std::optional<IpAddress> unicast_src_ip;
  std::vector<UnicastPeer> unicast_peers;          // empty: multicast
  std::uint8_t unicast_ttl = 255;                  // of what we send, hop limit for IPv6
  bool unicast_fault_no_peer = false;              // no peer is a fault, not multicast
  bool check_unicast_src = false;                  // adverts of others than the peers are not believed
  std::vector<VirtualAddress> addresses;           // in the advert
  bool no_addresses = false;                       // that there are no addresses is meant
  std::vector<VirtualAddress> excluded_addresses;  // not in the advert
  std::vector<VirtualRoute> routes;                // while master
  std::vector<VirtualRule> rules;
  VirtualLink link;             // what it sends from; none: its interface
  bool vmac_xmit_base = false;  // adverts leave from the interface all the same
  bool use_vmac_addr = false;   // addresses on other interfaces get links with the virtual MAC there
  // Switches forget MACs that send nothing: an address on each link with a virtual MAC that sends no adverts is announced this often.
  Duration garp_extra_if = 0s;     // 0: never
  bool garp_extra_if_all = false;  // on any other interface of its addresses, too
  bool linkbeat_use_polling = false;
  std::vector<Track> track_interfaces;
  std::vector<Track> track_scripts;    // names of VrrpScript
  std::vector<Track> track_files;      // names of TrackFile; weight and reverse multiply the number
  std::vector<Track> track_processes;  // names of TrackProcess
  std::vector<Track> track_bfds;       // names of BfdInstance
  bool track_src_ip = false;           // the configured source address must be there
  GarpSettings garp;
  NotifyScripts notify;
  bool notify_priority_changes = false;  // to the FIFOs
  bool smtp_alert = false;
  bool debug = false;
  std::uint32_t receive_buffer = 0;  // bytes, of the socket that hears its adverts; 0: by vrrp_rx_bufs_policy
  // What adverts and announcements come from with use_vmac: that of the RFC (RFC 9568, 7.3), unless another is written.
  MacAddress virtual_mac() const {
    if (link.kind == VirtualLink::Kind::macvlan) return link.mac;
    return rfc_mac(family, vrid);
  }
  static MacAddress rfc_mac(int of_family, std::uint8_t of_vrid) {
    return MacAddress{{0, 0, 0x5e, 0, static_cast<std::uint8_t>(of_family == AF_INET ? 1 : 2), of_vrid}};
  }
  // The link that its adverts go by; empty: any.
  const std::string& way() const { return interface.empty() ? vrf : interface; }
  // What tells it, with VRID and family, from other instances of the host: its interface, or the address that its peers know.
  std::string place() const { return interface.empty() && unicast_src_ip ? unicast_src_ip->str() : interface; }
  // Whether adverts leave from `link`.
  bool sends_from_link() const { return link.kind != VirtualLink::Kind::none && !vmac_xmit_base; }
  bool operator==(const VrrpInstance&) const = default;
};

struct VrrpScript {
  std::string name;
  Script script;
  Duration interval = 1s;
  Duration timeout = 0s;  // 0: the interval
  int weight = 0;
  bool weight_reverse = false;
  unsigned rise = 1;
  unsigned fall = 1;
  bool init_fail = false;
  bool operator==(const VrrpScript&) const = default;
};

// A file that holds a number, which counts in the priority of those that track it.
struct TrackFile {
  std::string name;
  std::string path;
  int weight = 1;
  bool weight_reverse = false;
  std::optional<std::int64_t> initial;  // created with this number at start
  bool overwrite = false;               // also when it exists
  bool operator==(const TrackFile&) const = default;
};

// How many processes of a kind run: up while quorum <= n <= quorum_max.
struct TrackProcess {
  enum class ParamMatch : std::uint8_t { exact, initial, partial };
  std::string name;
  std::vector<std::string> words;  // the program, and with full_command its arguments
  bool full_command = false;       // the command line counts, not the name of the process
  bool has_params = false;         // arguments are compared
  ParamMatch param_match = ParamMatch::exact;
  int weight = 0;
  bool weight_reverse = false;
  unsigned quorum = 1;
  std::optional<unsigned> quorum_max;  // 0: it must not run
  Duration terminate_delay = 0s;       // before a loss counts
  Duration fork_delay = 0s;            // before a gain counts
  bool operator==(const TrackProcess&) const = default;
};

// One BFD session (RFC 5880) with a neighbour.
struct BfdInstance {
  std::string name;
  IpAddress neighbor;
  std::optional<IpAddress> source;
  Duration min_rx = 10ms;  // the shortest interval at which we can receive
  Duration min_tx = 10ms;  // the shortest interval at which we send while the session is up
  Duration idle_tx = 1s;   // and while it is not
  unsigned multiplier = 5;
  bool passive = false;         // waits for the neighbour to begin
  std::optional<unsigned> ttl;  // of what we send
  int max_hops = 0;             // that a received packet may have made
  bool multihop = false;        // RFC 5883
  int weight = 0;
  bool weight_reverse = false;
  bool for_vrrp = true, for_checkers = true;  // who hears of it
  bool operator==(const BfdInstance&) const = default;
};

// Instances that static addresses, routes and rules go with.
struct TrackGroup {
  std::string name;
  std::vector<std::string> members;  // names of VrrpInstance
  bool operator==(const TrackGroup&) const = default;
};

struct VrrpSyncGroup {
  std::string name;
  std::vector<std::string> members;  // names of VrrpInstance
  bool sync_group_tracking_weight = false;
  std::vector<Track> track_interfaces;
  std::vector<Track> track_scripts;
  std::vector<Track> track_files;
  std::vector<Track> track_processes;
  std::vector<Track> track_bfds;
  NotifyScripts notify;
  bool smtp_alert = false;
  bool operator==(const VrrpSyncGroup&) const = default;
};

// ---- Virtual servers
// --------------------------------------------------------------------------------------------------

// Where a checker connects and from where. Unset: the real server, any source.
struct CheckConnection {
  std::optional<IpAddress> connect_ip;
  std::uint16_t connect_port = 0;
  std::optional<IpAddress> bind_ip;
  std::uint16_t bind_port = 0;
  std::string bind_interface;
  std::uint32_t fwmark = 0;
  Duration connect_timeout = 5s;
  bool operator==(const CheckConnection&) const = default;
};

// When a checker runs and what one failure means.
struct CheckSchedule {
  Duration delay_loop = 60s;
  unsigned retry = 1;  // further attempts before down
  Duration delay_before_retry = 1s;
  Duration warmup = 60s;  // the first run is after random(0..warmup)
  bool alpha = false;     // begins down
  bool log_all_failures = false;
  bool operator==(const CheckSchedule&) const = default;
};

struct StatusRange {
  std::uint16_t first = 200;
  std::uint16_t last = 299;
  bool operator==(const StatusRange&) const = default;
};

// A pattern (PCRE2) that a body must match, or must not.
struct HttpRegex {
  std::string pattern;
  bool must_not_match = false;
  std::vector<std::string> options;  // names of PCRE2's compile options, in lower case and without the prefix
  std::uint32_t minimum_offset = 0;  // where the match may begin
  std::optional<std::uint32_t> maximum_offset;
  std::uint32_t stack_start = 0, stack_maximum = 0;  // of the just-in-time compiler; 0: PCRE2's own
  bool operator==(const HttpRegex&) const = default;
};

struct HttpUrl {
  std::string path = "/";
  std::string virtualhost;                             // empty: the checker's, the servers', else address[:port]
  std::optional<std::array<std::uint8_t, 16>> digest;  // MD5 of the body
  std::vector<StatusRange> status_codes;               // empty: 200-299
  std::optional<HttpRegex> regex;
  bool tls_compliant = false;  // says goodbye to TLS before it hangs up
  bool operator==(const HttpUrl&) const = default;
};

enum class HttpProtocol { http_1_0, http_1_0_close, http_1_1 };

struct TcpCheck {
  bool operator==(const TcpCheck&) const = default;
};

struct HttpCheck {
  bool tls = false;  // SSL_GET
  HttpProtocol protocol = HttpProtocol::http_1_0;
  std::string virtualhost;  // already inherited
  bool fast_recovery = false;
  bool enable_sni = false;
  std::string sni_name;  // empty: the virtualhost
  std::vector<HttpUrl> urls;
  bool operator==(const HttpCheck&) const = default;
};

struct SmtpCheck {
  std::string helo_name = "smtpchecker.keepalived.org";
  bool operator==(const SmtpCheck&) const = default;
};

struct MiscCheck {
  Script script;
  Duration timeout = 60s;  // killed after this; the virtual server's delay_loop
  bool dynamic = false;    // an exit status of 2-255 sets the weight to that less 2
  bool operator==(const MiscCheck&) const = default;
};

enum class DnsType : std::uint16_t {  // RFC 1035, 3596, 4034
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  mx = 15,
  txt = 16,
  aaaa = 28,
  rrsig = 46,
  dnskey = 48,
};

struct DnsCheck {
  DnsType type = DnsType::soa;
  std::string name = ".";
  bool operator==(const DnsCheck&) const = default;
};

struct PingCheck {
  bool operator==(const PingCheck&) const = default;
};

// A datagram, and what its answer must look like. Without require_reply silence is success.
struct UdpCheck {
  std::vector<std::uint8_t> payload;  // empty: a text of 32 bytes
  bool require_reply = false;
  std::vector<std::uint8_t> reply;       // what an answer begins with; empty: anything
  std::vector<std::uint8_t> reply_mask;  // beside `reply`: bits that count
  std::uint16_t minimum_length = 0;
  std::uint16_t maximum_length = 255;
  bool operator==(const UdpCheck&) const = default;
};

// The number in a track_file times `weight` is added to the real server's weight; weight 0: another number than 0 is a
// failure.
struct FileCheck {
  std::string track_file;
  std::optional<int> weight;  // empty: the file's own
  bool reverse = false;
  bool operator==(const FileCheck&) const = default;
};

struct BfdCheck {
  std::string name;  // of a bfd_instance
  bool operator==(const BfdCheck&) const = default;
};

using Check = std::variant<TcpCheck, HttpCheck, SmtpCheck, MiscCheck, DnsCheck, PingCheck, UdpCheck, FileCheck, BfdCheck>;

struct Checker {
  Check check;
  CheckConnection connection;
  CheckSchedule schedule;
  bool operator==(const Checker&) const = default;
};

// The keyword that begins it: "TCP_CHECK".
std::string_view keyword_of(const Checker& checker);

struct RealServer {
  Endpoint endpoint;
  lvs::Forward forward = lvs::Forward::nat;
  std::uint32_t weight = 1;
  std::uint32_t upper_threshold = 0;
  std::uint32_t lower_threshold = 0;
  bool inhibit_on_failure = false;  // down: weight 0 instead of removed
  Script notify_up, notify_down;
  bool smtp_alert = true;
  std::string snmp_name;
  std::vector<Checker> checkers;  // all must be up
  lvs::Tunnel tunnel{};
  bool operator==(const RealServer&) const = default;
};

struct SorryServer {
  Endpoint endpoint;
  lvs::Forward forward = lvs::Forward::nat;
  bool inhibit = false;
  lvs::Tunnel tunnel{};
  bool operator==(const SorryServer&) const = default;
};

// The certificate that SSL_GET shows, and whom it believes. Files are names here.
struct SslSettings {
  std::string password, ca, certificate, key;
  bool operator==(const SslSettings&) const = default;
};

// Which engine may serve a virtual server (xdirector block): automatic is XDP where it can, with IPVS behind it.
enum class Engine { automatic, ipvs, xdp };

// By what XDP tells packets that get a firewall mark: it comes before marks are set.
struct MarkMatch {
  IpPrefix addresses;
  std::optional<lvs::Protocol> protocol;        // any that IPVS balances
  std::uint16_t first_port = 0, last_port = 0;  // 0: any
  bool operator==(const MarkMatch&) const = default;
};

struct VirtualServer {
  lvs::ServiceKey key;
  // Of a virtual_server_group: one VirtualServer for each member, next to one another, alike but for the key (and the ports
  // that follow it). Each has checkers of its own.
  std::string group;
  lvs::Scheduler scheduler = lvs::Scheduler::wlc;
  std::uint32_t scheduler_flags = 0;  // lvs::SchedulerFlag
  lvs::Forward forward = lvs::Forward::nat;
  lvs::Tunnel tunnel{};
  std::string persistence_engine;
  std::uint32_t persistence_seconds = 0;
  std::uint32_t persistence_mask = 32;
  bool one_packet = false;
  bool ha_suspend = false;  // checked only while its address is on this host
  bool alpha = false;
  bool omega = false;
  std::uint32_t quorum = 1;
  std::uint32_t hysteresis = 0;
  Script quorum_up, quorum_down;
  std::string virtualhost;
  std::string snmp_name;
  bool smtp_alert = true;
  std::optional<SorryServer> sorry_server;
  std::vector<RealServer> real_servers;
  Engine engine = Engine::automatic;
  std::uint32_t rate_limit = 0;    // new connections a second in the packet path; 0: any
  std::vector<MarkMatch> matches;  // of a firewall mark
  bool operator==(const VirtualServer&) const = default;
};

// ---- xdirector: what is ours alone
// ------------------------------------------------------------------------------------

enum class XdpMode { automatic, native, generic };

struct XdpInterface {
  std::string name;
  XdpMode mode = XdpMode::automatic;
  std::optional<unsigned> run_priority;  // of the libxdp dispatcher
  bool operator==(const XdpInterface&) const = default;
};

// A further way for an instance's adverts.
struct HeartbeatPath {
  std::string interface;
  std::vector<IpAddress> peers;  // empty: multicast
  bool operator==(const HeartbeatPath&) const = default;
};

struct Heartbeat {
  std::string instance;
  std::vector<HeartbeatPath> paths;
  bool operator==(const Heartbeat&) const = default;
};

// What must succeed before an instance takes over from a master that fell silent.
struct Fence {
  std::string instance;
  TimedScript script;
  bool operator==(const Fence&) const = default;
};

struct Xdirector {
  Engine engine = Engine::automatic;
  std::vector<XdpInterface> interfaces;  // empty: those that the configuration and its routes need
  std::uint32_t flows = 1'000'000;
  std::uint32_t half_open = 262'144;
  std::uint32_t services = 16'384;
  std::uint32_t real_servers = 65'536;
  // Of the packet path, what net.ipv4.vs.* is of IPVS; none: as that is set.
  std::optional<std::uint32_t> conn_reuse_mode;
  std::optional<bool> expire_nodest_conn;
  std::optional<bool> expire_quiescent_template;
  std::optional<bool> sloppy_tcp;
  std::optional<bool> sloppy_sctp;
  std::optional<std::uint32_t> drop_entry;
  std::optional<std::uint32_t> amemthresh;  // pages
  std::string metrics;                      // <address>:<port> where metrics are served; empty: nowhere
  std::string control_socket;               // empty: the default of the network namespace
  std::vector<Heartbeat> heartbeats;
  std::vector<Fence> fences;
  bool operator==(const Xdirector&) const = default;
};

// ---- Links

// Interfaces that share one clock of announcements.
struct GarpGroup {
  Duration garp_interval = 0s;
  Duration gna_interval = 0s;
  std::vector<std::string> interfaces;
  bool operator==(const GarpGroup&) const = default;
};

// An interface whose link is asked for, because its driver does not tell.
struct Linkbeat {
  enum class Way { automatic, mii, ethtool, ioctl };
  std::string interface;
  Way way = Way::automatic;
  bool operator==(const Linkbeat&) const = default;
};

// How long an interface must be down, or up, before that counts.
struct LinkDelay {
  std::string interface;
  Duration down = 0s;
  Duration up = 0s;
  bool operator==(const LinkDelay&) const = default;
};
// What mails about VRRP and about servers are sent with.
inline MailSettings mail_settings(const Global& global) {
  const Mail& mail = global.mail;
  return {mail.to, mail.from, mail.server, mail.port, mail.connect_timeout, mail.helo_name, global.router_id};
}

struct Model {
  Global global;
  std::vector<VirtualAddress> static_addresses;
  std::vector<VirtualRoute> static_routes;
  std::vector<VirtualRule> static_rules;
  std::vector<GarpGroup> garp_groups;
  bool linkbeat_use_polling = false;  // of all interfaces
  std::vector<Linkbeat> linkbeats;
  std::vector<LinkDelay> link_delays;
  std::vector<VrrpInstance> vrrp_instances;  // in file order
  std::vector<VrrpScript> vrrp_scripts;
  std::vector<TrackFile> track_files;
  std::vector<TrackProcess> track_processes;
  std::vector<BfdInstance> bfd_instances;
  std::vector<TrackGroup> track_groups;
  std::vector<VrrpSyncGroup> vrrp_sync_groups;
  SslSettings ssl;
  std::vector<VirtualServer> virtual_servers;
  Xdirector xdirector;
  bool operator==(const Model&) const = default;
};

}  // namespace xd::conf
