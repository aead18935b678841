/* What the kernel half and the daemon share: the maps' keys and values, the reasons of a verdict, the events.
 *
 * Compiled as C for BPF and as C++20 for the daemon. Padding is a named field that is zero, because hash maps compare every
 * byte of a key; sizes are asserted here, so both compilers must agree. __be16 and __be32 are in network order, all else in
 * host order. "jiffies" are the low 32 bits of the kernel's tick counter: xd_info.hz of them are a second. When a layout changes,
 * XD_LAYOUT changes with it: a daemon does not adopt maps of another layout.
 */
#ifndef XD_BPF_XDIRECTOR_H
#define XD_BPF_XDIRECTOR_H

#include <linux/types.h>

#ifdef __cplusplus
#define XD_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size), #type)
#else
#define XD_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#endif

#define XD_LAYOUT 12

/* ---- Reasons: why a packet met its verdict ----------------------------------------------------------------------------
 *
 * Every way out of xd_entry counts one of these in xd_reasons[reason], per CPU. X(NAME, word, verdict, sentence): the word is what
 * `xdirector reasons` prints and what it is searched by; the verdict is pass, tx (sent on, also by redirect) or drop.
 */
#define XD_REASONS(X)                                                                                                      \
  X(ESTABLISHED, established, tx, "packet of a known flow, sent to its real server")                                       \
  X(REPLY, reply, tx, "reply of a NAT real server, sent to the client from the virtual address")                           \
  X(HALF_OPEN, half_open, tx, "packet of a flow that the client has not confirmed yet")                                    \
  X(NEW_FLOW, new_flow, tx, "first packet of a flow, scheduled")                                                           \
  X(CROWDED, crowded, tx, "first packet of a flow, scheduled; one that its client had not confirmed was forgotten for it") \
  X(STATELESS, stateless, tx, "tables full: real server chosen by the hash of the flow, nothing remembered")               \
  X(ICMP_ERROR, icmp_error, tx, "ICMP error about a packet of a known flow, sent where the flow goes")                     \
  X(NOT_IP, not_ip, pass, "neither IPv4 nor IPv6 (ARP, LLDP, ...)")                                                        \
  X(TRUNCATED, truncated, pass, "headers are cut short or contradict the frame's length")                                  \
  X(NOT_OURS, not_ours, pass, "belongs to no virtual service")                                                             \
  X(FRAGMENT, fragment, pass, "fragment that came before the first one of its datagram, or that only the stack can place") \
  X(IP_OPTIONS, ip_options, pass, "IPv4 options that ask for a route, a record of it or of times, or have a label")        \
  X(ICMP, icmp, pass, "ICMP to a virtual address")                                                                         \
  X(PROTOCOL, protocol, pass, "to a virtual address, but neither TCP, UDP nor SCTP")                                       \
  X(VLAN, vlan, pass, "the way out needs other VLAN tags than the frame has room for")                                     \
  X(VIP_NOT_OURS, vip_not_ours, pass, "the virtual address is held by another director now")                               \
  X(NO_SERVICE, no_service, pass, "to a virtual address, but to no service there")                                         \
  X(NO_FLOW, no_flow, pass, "TCP without SYN, or SCTP without INIT, and without a flow")                                   \
  X(NO_DEST, no_dest, pass, "the service has no real server that takes new connections")                                   \
  X(DEST_UNRESOLVED, dest_unresolved, pass, "the real server's next hop is not known yet")                                 \
  X(DEST_LOCAL, dest_local, pass, "the real server is this director")                                                      \
  X(TTL, ttl, pass, "TTL is used up: the stack answers with ICMP time exceeded")                                           \
  X(TOO_BIG, too_big, tx, "longer than the way to the real server allows: the client is told by ICMP")                     \
  X(EXPIRED, expired, tx, "TTL is used up: the client is told by ICMP")                                                    \
  X(TOO_LONG, too_long, drop, "longer than the way allows, and neither to be split here nor its sender to be told")        \
  X(TABLE_FULL, table_full, pass, "tables full, and NAT needs an entry for the way back")                                  \
  X(NAT_CLASH, nat_clash, pass, "NAT: the client's port is in use at this real server by way of another virtual address")  \
  X(DEST_REMOVED, dest_removed, drop, "flow of a real server that was removed; it goes on when the server returns")        \
  X(TUNNEL_ERROR, tunnel_error, pass, "ICMP error about a tunnel's packet that was too long: the way's MTU is noted")      \
  X(RATE_LIMIT, rate_limit, drop, "first packet of a flow, over the rate_limit of its service")                            \
  X(DROP_ENTRY, drop_entry, drop, "no packet: a half-open or idle flow, forgotten because memory is short")                \
  X(ADVERT, advert, pass, "VRRP advert, for the stack")

#define XD_REASON_ENUM(NAME, word, verdict, sentence) XD_##NAME,
enum xd_reason { XD_REASONS(XD_REASON_ENUM) XD_REASON_COUNT };
#undef XD_REASON_ENUM

/* xd_reasons: per-CPU array, index enum xd_reason. Bytes are those of the frame as XDP saw it. */
struct xd_counter {
  __u64 packets;
  __u64 bytes;
};
XD_ASSERT_SIZE(struct xd_counter, 16);

/* ---- xd_info: one entry, written by the daemon ---------------------------------------------------------------------- */

struct xd_info {
  __u32 layout;    /* XD_LAYOUT */
  __u32 owner_pid; /* process that loaded the program, in its PID namespace */
  __u64 netns;     /* inode of its network namespace */
  __u32 hz;        /* jiffies a second */
  __u32 flows;     /* sizes as they were asked for */
  __u32 half_open;
  __u32 services;
  __u32 dests;
  __u32 ring_slots;
  __u32 overflow;         /* jiffies when a bucket was last full, 0: never. Written by the program */
  __u32 buckets;          /* of xd_flows: a power of two */
  __u32 half_ways;        /* how many places of a bucket half-open flows may take */
  __u32 behaviour;        /* enum xd_behaviour */
  __u64 seed;             /* of the flows' hash: nobody outside can aim at one bucket */
  __u32 drop_entry;       /* 1: memory is short, a sweep forgets random half-open and idle flows */
  __u32 mtu_expires;      /* jiffies that a way's MTU is believed which a router told */
  __u32 lblc_expiration;  /* jiffies without a new flow after which lblc and lblcr forget where they sent */
  __u32 lblcr_expiration; /* and those that lblcr's set stays as it is until it loses one */
};
XD_ASSERT_SIZE(struct xd_info, 80);

/* What IPVS has as net.ipv4.vs.*. 0 is IPVS's default. */
enum xd_behaviour {
  XD_REUSE_NEVER = 1,      /* conn_reuse_mode 0: a SYN on an old flow stays with its real server */
  XD_REUSE_FIN_WAIT = 2,   /* conn_reuse_mode 2: it is a new flow for DR and TUN as soon as the client has closed */
  XD_EXPIRE_NODEST = 4,    /* expire_nodest_conn */
  XD_EXPIRE_QUIESCENT = 8, /* expire_quiescent_template */
  XD_SLOPPY_TCP = 16,      /* sloppy_tcp, sloppy_sctp: a connection may begin in its midst */
  XD_SLOPPY_SCTP = 32,
};

/* ---- xd_services, xd_rings, xd_dests: what is served, and by whom --------------------------------------------------- */

/* IPv4 is held v4-mapped: one key, both families. A service by firewall mark has proto 0, port 0 and the mark as if it were an IPv4 address (of the
 * mark's family: mapped or not), and again an entry of the same value for each address, port and protocol that its packets are told
 * by. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define XD_V4_MAPPED 0xffff0000u /* the third word of such an address */
#else
#define XD_V4_MAPPED 0x0000ffffu
#endif
struct xd_service_key {
  __be32 addr[4];
  __be16 port; /* 0: any port */
  __u8 proto;  /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP; 0: a firewall mark's */
  __u8 zero;
};
XD_ASSERT_SIZE(struct xd_service_key, 20);

/* Numbered as lvs::Scheduler. */
enum xd_scheduler { XD_RR, XD_WRR, XD_LC, XD_WLC, XD_LBLC, XD_LBLCR, XD_SH, XD_DH, XD_SED, XD_NQ, XD_MH, XD_FO, XD_OVF, XD_TWOS };

/* The schedulers without a ring walk the list of destinations: so many at most. */
#define XD_LIST_MAX 256

/* Replaced as a whole, so a packet sees the old ring or the new one. Written by the daemon. */
struct xd_service {
  __u32 scheduler; /* enum xd_scheduler */
  __u32 flags;     /* IPVS's scheduler flags: 1 fallback, 2 port */
  __u32 ring;      /* index in xd_rings of the ring's header; its slots follow */
  __u32 ring_len;  /* slots; 0: nobody takes new connections, or the scheduler walks the list */
  __u32 list;      /* index in xd_rings of the list of all destinations, in IPVS's order (newest first) */
  __u32 list_len;
  __u32 one_packet;  /* 1: each datagram is scheduled for itself and nothing is remembered */
  __u32 persistence; /* jiffies that a client stays with its real server; 0: not persistent */
  __be32 mask[4];    /* of the client's address that persistence goes by */
  __u32 rate_limit;  /* new flows a second; 0: any. The slot behind the list has the second's first jiffy and count */
  __be32 mark;       /* firewall mark; 0: a service by address */
  __u32 closed;      /* 1: only flows that are there go on; what begins one is passed, for IPVS serves it now */
};
XD_ASSERT_SIZE(struct xd_service, 60);

/* xd_svc_index: one entry. By the hash of its key, the place in xd_svc_places where most services stand again: found by two looks, without a
 * call into the kernel's hash table. Of services of one hash the first has it, the others are found in xd_services only. A change
 * fills a fresh place and then names it here. Written by the daemon. */
#define XD_SERVICE_INDEX_SIZE 65536
struct xd_service_index {
  __u32 place[XD_SERVICE_INDEX_SIZE]; /* 0: none */
};
struct xd_known_service {
  struct xd_service_key key;
  struct xd_service service;
};
XD_ASSERT_SIZE(struct xd_known_service, 80);
static inline __u32 xd_service_hash(const __be32 addr[4], __be16 port, __u8 proto) {
  __u32 hash = ((addr[0] ^ addr[1] ^ addr[2]) * 0x85EBCA77u + addr[3]) * 0xC2B2AE3Du;
  return ((hash ^ hash >> 15 ^ ((__u32)proto << 16 | port)) * 0x9E3779B1u) >> 16;
}

/* Destinations of the list in a group, whose least loaded one the program remembers. */
#define XD_GROUP 16
static inline __u32 xd_groups(const struct xd_service *service) { return service->list + service->list_len + 1; }

/* xd_rings: segments of slots, allocated by the daemon: a header, a ring, a list, the slot of the rate limit and, without a ring, one for each group
 * of the list: its least loaded destination, and in `cursor` whether that is to be found out anew. The header has the cursor of rr and wrr, counted up
 * by the program; for lblc, the destination that it stays with; for lblcr, when its set changed. Eight bytes, because that is what an
 * array map's entry takes anyway. */
struct xd_slot {
  __u32
      dest; /* index in xd_dests; XD_NOBODY. In the header: where the cursor stood when the ring was built; lblc: its destination; lblcr: jiffies */
  __u32 cursor; /* in the header: the next flow takes slot cursor % ring_len; lblc and lblcr: jiffies when they were last asked */
};
XD_ASSERT_SIZE(struct xd_slot, 8);
#define XD_NOBODY 0xffffffffu

/* Where a frame goes next, ready to be written over the Ethernet header. */
struct xd_hop {
  __u8 to[6];    /* next hop's MAC */
  __u8 from[6];  /* MAC of the interface */
  __u32 ifindex; /* it leaves by */
  __u32 vlans;   /* VLAN ids: outer << 16 | inner; one tag stands in the upper half; 0: untagged */
};
XD_ASSERT_SIZE(struct xd_hop, 20);

enum xd_forward { XD_NAT = 0, XD_DR = 1, XD_TUN = 2 }; /* numbered as lvs::Forward */

enum xd_dest_flag {
  XD_DEST_F_PRESENT = 1,  /* configured. Without it the slot only serves flows of a removed real server */
  XD_DEST_F_RESOLVED = 2, /* hop is valid */
  XD_DEST_F_LOCAL = 4,    /* the address is the director's own */
  XD_DEST_F_GUE = 8,      /* TUN by GUE, by GRE; neither: IPIP */
  XD_DEST_F_GRE = 16,
  XD_DEST_F_TUNNEL_SUM = 32, /* GUE's or GRE's header carries a checksum */
  XD_DEST_F_REMCSUM = 64,    /* configured so; the program does nothing about it, see forward_tun.bpf.h */
  XD_DEST_F_V6 = 128,        /* addr is of IPv6 */
};

/* What TUN puts between the link's header and the packet. IPIP has nothing but the outer IP header; GUE has UDP and four bytes of its own. */
static inline __u32 xd_tunnel_header(__u32 flags) {
  if (flags & XD_DEST_F_GUE) return 12;
  return flags & XD_DEST_F_GRE ? (flags & XD_DEST_F_TUNNEL_SUM ? 8 : 4) : 0;
}
static inline int xd_is_v6(const __be32 addr[4]) { return addr[0] | addr[1] || (addr[2] && addr[2] != XD_V4_MAPPED); }
static inline __u32 xd_tunnel_overhead(const __be32 addr[4], __u32 flags) { return (xd_is_v6(addr) ? 40 : 20) + xd_tunnel_header(flags); }

/* xd_dests: array. One slot per destination of a service. Written by the daemon, except active, inactive and overloaded. What a
 * packet of a known flow needs fills the first 64 bytes, a cache line; what the program counts stands in the second. */
struct xd_dest {
  struct xd_hop hop;
  __be32 addr[4];
  __be16 port;        /* NAT rewrites to it; 0: the packet's. DR and TUN leave the port alone */
  __u8 method;        /* enum xd_forward */
  __u8 flags;         /* enum xd_dest_flag */
  __u32 generation;   /* counts the uses of this slot by different destinations; flows of another one do not match */
  __u16 mtu;          /* a longer IP packet does not get there: that of the way, less what a tunnel adds. 65535: not known */
  __be16 tunnel_port; /* of GUE */
  __be32 source[4];   /* of a tunnel's outer header */
  __u32 active;       /* flows that IPVS would call active (SYN_RECV, SYN_SENT, ESTABLISHED); by the program */
  __u32 inactive;     /* all other flows; by the program */
  __u32 weight;
  __u32 overloaded; /* 1: more connections than `upper`, and not yet fewer than `lower`; by the program */
  __u32 upper;      /* connection thresholds, 0: none */
  __u32 lower;
  __u32 last_weight; /* the last weight that was not 0: mh's table goes by it */
  struct xd_service_key service;
  __u32 group;    /* index in xd_rings of the group's slot; 0: none */
  __u32 joined;   /* lblcr: member of the set, the later the higher; 0: not. A removed destination stays one; by the program */
  __u32 narrowed; /* jiffies when a router told a smaller mtu, 0: none has; by the program */
  __u16 way_mtu;  /* what mtu was then, and will be again */
  __u16 spare;
};
XD_ASSERT_SIZE(struct xd_dest, 128);

/* xd_dest_stats: per-CPU array beside xd_dests. Bytes count from the IP header on, as IPVS counts them. */
struct xd_dest_stats {
  __u64 connections;
  __u64 packets_in; /* from clients */
  __u64 bytes_in;
  __u64 packets_out; /* from the real server; NAT only */
  __u64 bytes_out;
};
XD_ASSERT_SIZE(struct xd_dest_stats, 40);

/* xd_filter: one entry. What addresses of this hash may be, so that most packets that are not ours are known by one look. Each bit is
 * written by the process that knows it, atomically. */
enum xd_role {
  XD_VIP = 1,    /* address of a service */
  XD_REAL = 2,   /* of a NAT destination */
  XD_CLOSED = 4, /* with a closed gate in xd_gate */
  XD_TUNNEL = 8, /* tunnels go from it: not cleared */
};
#define XD_FILTER_SIZE 65536
struct xd_filter {
  __u32 ports;  /* flags that some interface in xd_ports has */
  __u32 one_in; /* 0: nobody traces; else one packet in so many is told in xd_samples */
  __u32 lost;   /* that found xd_samples full; by the program */
  __u32 zero;
  __u8 roles[XD_FILTER_SIZE]; /* enum xd_role, by xd_filter_hash() */
};
static inline __u32 xd_filter_hash(const __be32 addr[4]) {
  return (((addr[0] ^ addr[1] ^ addr[2]) * 0x85EBCA77u + addr[3]) * 0x9E3779B1u) >> 16;
}

/* xd_gate: hash by address (v4-mapped). VIPs of VRRP instances; an address without an entry is always open. Written by the vrrp
 * process. */
struct xd_gate_key {
  __be32 addr[4];
};
XD_ASSERT_SIZE(struct xd_gate_key, 16);
struct xd_gate {
  __u32 ours; /* 1: this director holds the address now */
};
XD_ASSERT_SIZE(struct xd_gate, 4);

/* ---- xd_flows: connections ------------------------------------------------------------------------------------------- */

/* As the packet has it, so a reply has a key of its own. IPv4 is v4-mapped. */
struct xd_flow_key {
  __be32 saddr[4];
  __be32 daddr[4];
  __be16 sport;
  __be16 dport;
  __u8 proto;
  __u8 zero[3];
} __attribute__((aligned(8)));
XD_ASSERT_SIZE(struct xd_flow_key, 40);

/* IPVS's, and SCTP's in IPVS's order behind XD_STATE_UDP. */
enum xd_state {
  XD_STATE_NONE,
  XD_STATE_ESTABLISHED,
  XD_STATE_SYN_SENT,
  XD_STATE_SYN_RECV,
  XD_STATE_FIN_WAIT,
  XD_STATE_TIME_WAIT,
  XD_STATE_CLOSE,
  XD_STATE_CLOSE_WAIT,
  XD_STATE_LAST_ACK,
  XD_STATE_UDP,
  XD_STATE_SCTP_INIT1,
  XD_STATE_SCTP_INIT,
  XD_STATE_SCTP_COOKIE_SENT,
  XD_STATE_SCTP_COOKIE_REPLIED,
  XD_STATE_SCTP_COOKIE_WAIT,
  XD_STATE_SCTP_COOKIE,
  XD_STATE_SCTP_COOKIE_ECHOED,
  XD_STATE_SCTP_ESTABLISHED,
  XD_STATE_SCTP_SHUTDOWN_SENT,
  XD_STATE_SCTP_SHUTDOWN_RECEIVED,
  XD_STATE_SCTP_SHUTDOWN_ACK_SENT,
  XD_STATE_SCTP_REJECTED,
  XD_STATE_SCTP_CLOSED,
  XD_STATE_COUNT
};

enum xd_flow_flag {
  XD_FLOW_REPLY = 1,    /* entry for the real server's packets (NAT): all but the way to the client is in its peer */
  XD_FLOW_PARTIAL = 2,  /* sender leaves checksums to the device, see checksum.bpf.h */
  XD_FLOW_COMPLETE = 4, /* sender has been seen to fill checksums in */
  XD_FLOW_NAT = 8,      /* a flow keeps the method it began with; neither of these two: DR */
  XD_FLOW_TUN = 16,
  XD_FLOW_TEMPLATE = 32,   /* not a connection: where a persistent client goes. sport is 0, peer counts its connections */
  XD_FLOW_PERSISTENT = 64, /* one of those connections */
};

/* A template's key has its protocol with this bit turned, which tells it from connections. */
#define XD_TEMPLATE_PROTO 0x80

/* Of xd_flow.way: in how many jiffies packets of the client came, XD_FLOW_MANY: in so many or more. */
#define XD_FLOW_PACKETS 15u
#define XD_FLOW_MANY 9u

/* A connection: one cache line. */
struct xd_flow {
  union {
    struct {
      __u32 dest;    /* index in xd_dests */
      __u32 seen;    /* jiffies of the last packet, in either direction */
      __u32 state;   /* enum xd_state */
      __u32 way;     /* NAT: a hash of the way to the client; its lowest bits count, see XD_FLOW_PACKETS; template: jiffies it lasts */
      __u32 control; /* of a persistent client's connection: place of the template */
    };
    struct xd_hop hop; /* reply: the way to the client, as its last packet came */
  };
  __u32 peer; /* NAT: place of the entry of the other direction (bucket << 4 | line); 0: none */
  __be32 saddr[4];
  __be32 daddr[4];
  __be16 sport;
  __be16 dport;
  __u8 proto;
  __u8 flags;       /* enum xd_flow_flag */
  __u16 generation; /* the destination's when the flow began, its lower half */
} __attribute__((aligned(8)));
XD_ASSERT_SIZE(struct xd_flow, 64);

/* xd_flows: array of buckets, a hash table of the program's own. A flow stands in one of two buckets that its key's hash names. Tags tell
 * by one look at the first cache line which line holds it. A place is named bucket << 4 | line; lines count from 1. */
#define XD_WAYS 15
#define XD_TAG_FREE 0
#define XD_TAG_BUSY 1 /* being filled or emptied */
struct xd_bucket {
  __u32 tag[XD_WAYS]; /* upper half of the key's hash, | 2 */
  __u32 marks;        /* bit n: line n + 1 is half-open; upper half: how many flows whose first bucket this is stand in their second */
  struct xd_flow flow[XD_WAYS];
};
XD_ASSERT_SIZE(struct xd_bucket, 1024);

static inline __u64 xd_mix(__u64 hash, __u64 word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
  return hash ^ hash >> 32;
}
static inline __u64 xd_pair(const __be32 words[2]) { /* of a key or a flow, where they are aligned */
  __u64 pair;
  __builtin_memcpy(&pair, __builtin_assume_aligned(words, 8), sizeof(pair));
  return pair;
}
/* What all IPv4 addresses have in common is left out. */
static inline __u64 xd_hash(const __be32 saddr[4], const __be32 daddr[4], __be16 sport, __be16 dport, __u8 proto, __u64 seed) {
  __u64 hash = seed;
  if (saddr[0] | saddr[1] | (saddr[2] ^ XD_V4_MAPPED) | daddr[0] | daddr[1] | (daddr[2] ^ XD_V4_MAPPED)) {
    hash = xd_mix(hash ^ xd_pair(saddr), xd_pair(daddr));
    hash = xd_mix(hash, (__u64)saddr[2] << 32 | daddr[2]);
  }
  hash = xd_mix(hash, (__u64)saddr[3] << 32 | daddr[3]);
  return xd_mix(hash, (__u64)proto << 32 | (__u32)dport << 16 | sport);
}
/* Its lower half names the first bucket, its upper half makes the tag. */
static inline __u64 xd_flow_hash(const struct xd_flow_key *key, __u64 seed) {
  return xd_hash(key->saddr, key->daddr, key->sport, key->dport, key->proto, seed);
}
static inline __u32 xd_flow_tag(__u64 hash) { return (__u32)(hash >> 32) | 2; }
/* The line that a flow takes when it is free, from 0. */
static inline __u32 xd_favourite(__u32 tag) { return ((tag >> 16) * XD_WAYS) >> 16; }
static inline __u32 xd_second_bucket(__u32 first, __u32 tag, __u32 mask) { return (first ^ (tag | 1) * 0x5bd1e995u) & mask; }

/* xd_timeouts: array, index enum xd_state: jiffies without a packet until the flow is forgotten. */

/* ---- xd_fragments: LRU hash, datagrams that come in fragments -------------------------------------------------------- */

struct xd_fragment_key {
  __be32 saddr[4];
  __be32 daddr[4];
  __be32 id; /* of IPv4 in its first two bytes */
  __u8 proto;
  __u8 zero[3];
};
XD_ASSERT_SIZE(struct xd_fragment_key, 40);

struct xd_fragment {
  __u32 seen; /* jiffies */
  __be16 sport;
  __be16 dport;
  __u32 placed; /* 1: the first fragment was seen, with these ports; 0: the datagram is the stack's */
};
XD_ASSERT_SIZE(struct xd_fragment, 12);

/* ---- xd_ports: interfaces the program is attached to, by ifindex ---------------------------------------------------- */

enum xd_port_flag {
  XD_PORT_GENERIC = 1, /* skb mode: frames keep their offload state, so a partial checksum stays one */
  XD_PORT_PARTIAL = 2, /* native mode on a link of this host (veth, virtio...): frames may come with a partial checksum, unmarked */
};
struct xd_port {
  __u32 flags; /* enum xd_port_flag */
  __u32 mtu;
};
XD_ASSERT_SIZE(struct xd_port, 8);

/* ---- xd_samples: ring buffer to `xdirector trace`, filled only while xd_filter.one_in says so ------------------------- */

#define XD_SAMPLE_HEAD 128
struct xd_sample {
  __u64 at;                  /* ns of CLOCK_MONOTONIC */
  __u32 ifindex;             /* it came in by */
  __u32 length;              /* of the frame */
  __u32 reason;              /* enum xd_reason */
  __u32 captured;            /* how much of `head` is filled */
  __u8 head[XD_SAMPLE_HEAD]; /* the frame as it came */
};
XD_ASSERT_SIZE(struct xd_sample, 24 + XD_SAMPLE_HEAD);

/* ---- xd_watches: VRRP adverts ---------------------------------------------------------------------------------------
 *
 * A watch listens for one VRRP instance. The daemon writes config and deadline (through the program xd_watch, in place: a
 * map update would take the timer away); the rest is the program's. Its reader may race with a change of master and see the
 * new time with the old name: the event that follows sets that right.
 */

/* Why an advert is not believed, in the order of asking: first those that make it malformed, then those that make it unacceptable to
 * the instance. X(NAME, word, sentence). vrrp/advert.h asks the same in C++. */
#define XD_REJECTS(X)                                                                             \
  X(TOO_SHORT, too_short, "it is shorter than its headers say")                                   \
  X(TTL, ttl, "its TTL is not 255, so it came through a router")                                  \
  X(VERSION, version, "it is neither VRRP version 2 nor 3")                                       \
  X(TYPE, type, "it is not an advertisement")                                                     \
  X(VRID_ZERO, vrid_zero, "it has VRID 0")                                                        \
  X(LENGTH, length, "its length does not fit its address count")                                  \
  X(INTERVAL_ZERO, interval_zero, "its interval is 0")                                            \
  X(CHECKSUM, checksum, "its checksum is wrong")                                                  \
  X(OTHER_VRID, other_vrid, "it has another VRID")                                                \
  X(OTHER_FAMILY, other_family, "it is of the other address family")                              \
  X(OTHER_VERSION, other_version, "it is of the other VRRP version")                              \
  X(AUTH_TYPE, auth_type, "its authentication type is not ours")                                  \
  X(AUTH_DATA, auth_data, "its password is not ours")                                             \
  X(OTHER_INTERVAL, other_interval, "its interval is not ours, as VRRP version 2 wants")          \
  X(OTHER_DESTINATION, other_destination, "it is unicast where we use multicast, or the reverse") \
  X(UNICAST_SOURCE, unicast_source, "its sender is not one of our unicast peers")                 \
  X(OWN_SOURCE, own_source, "it comes from our own address")

#define XD_REJECT_ENUM(NAME, word, sentence) XD_REJECT_##NAME,
enum xd_reject { XD_REJECTS(XD_REJECT_ENUM) XD_REJECT_COUNT };
#undef XD_REJECT_ENUM

/* Believed all the same. */
enum xd_remark {
  XD_REMARK_ADDRESSES = 1, /* its addresses are not ours */
  XD_REMARK_INTERVAL = 2,  /* v3: its interval is not ours */
  XD_REMARK_CHECKSUM = 4,  /* v3 over IPv4: its checksum has another form than ours */
};
#define XD_REMARK_COUNT 3
#define XD_REMARK_FORM_SHIFT 4 /* with XD_REMARK_CHECKSUM: enum xd_checksum_form, above the remarks */

enum xd_checksum_form { XD_CHECKSUM_MESSAGE_ONLY, XD_CHECKSUM_PSEUDO_HEADER, XD_CHECKSUM_MULTICAST_PSEUDO_HEADER };

/* An instance's addresses come in any order: their mixed words are added up. (The constants are those of "lowbias32".) */
static inline __u32 xd_address_mix(__be32 word) {
  __u32 x = word;
  x = (x ^ x >> 16) * 0x7feb352du;
  x = (x ^ x >> 15) * 0x846ca68bu;
  return x ^ x >> 16;
}

struct xd_watch_key {
  __u32 ifindex; /* the interface whose XDP sees the frame: a VLAN's parent */
  __u16 vlan;    /* host order, 0: untagged */
  __u8 family;   /* AF_INET; AF_INET6 is left to the raw socket */
  __u8 vrid;
};
XD_ASSERT_SIZE(struct xd_watch_key, 8);

enum xd_watch_role { XD_WATCH_IDLE, XD_WATCH_BACKUP, XD_WATCH_MASTER }; /* idle: INIT or FAULT */
enum xd_watch_flag {
  XD_WATCH_UNICAST = 1,      /* adverts come unicast, not multicast */
  XD_WATCH_CHECK_SOURCE = 2, /* and only from `sources` */
  XD_WATCH_CHECK_ADDRESSES = 4,
};
#define XD_WATCH_SOURCES 16

/* Addresses are v4-mapped. Times are ns, of CLOCK_MONOTONIC where they are moments. */
struct xd_watch_config {
  __u64 interval;    /* our adverts' */
  __u64 hold_until;  /* preempt_delay: until then every advert keeps us backup; 0: no delay, ~0: not begun */
  __be32 own[4];     /* we send from */
  __u8 version;      /* 2, 3 */
  __u8 role;         /* enum xd_watch_role */
  __u8 priority;     /* effective */
  __u8 keeps_from;   /* the least priority that keeps us backup: ours; 1 with nopreempt */
  __u8 down_adverts; /* down_timer_adverts */
  __u8 flags;        /* enum xd_watch_flag */
  __u8 auth_type;    /* v2: 0 none, 1 PASS */
  __u8 checksum;     /* enum xd_checksum_form that we send */
  __u8 auth_data[8];
  __u32 addresses; /* sum of xd_address_mix() */
  __u16 address_count;
  __u16 source_count;
  __be32 sources[XD_WATCH_SOURCES][4];
};
XD_ASSERT_SIZE(struct xd_watch_config, 312);

struct xd_heard {
  __u64 at; /* 0: nobody */
  __u64 interval;
  __be32 source[4];
  __u8 priority;
  __u8 remarks; /* enum xd_remark */
  __u8 zero[6];
};
XD_ASSERT_SIZE(struct xd_heard, 40);

/* xd_watches: hash. */
struct xd_watch {
#ifdef __bpf__
  struct bpf_timer timer;
#else
  __u64 timer[2];
#endif
  struct xd_watch_config config;
  struct xd_heard seen;           /* the last advert that keeps us backup; as master: that is better than we are. at is 0 when it left */
  struct xd_heard ignored;        /* the last one of lower priority, which does not */
  __u64 deadline;                 /* the master is not lost before; set by the daemon */
  __u64 down_at;                  /* when it was last reported lost, 0 when heard since */
  __u64 rejected_at;              /* when a reject was last reported */
  __u64 adverts;                  /* that were believed */
  __u64 zeros;                    /* of them, with priority 0 */
  __u64 remarks[XD_REMARK_COUNT]; /* by bit of enum xd_remark */
  __u64 rejects[XD_REJECT_COUNT];
};
XD_ASSERT_SIZE(struct xd_watch, 16 + 312 + 40 + 40 + 40 + 8 * XD_REMARK_COUNT + 8 * XD_REJECT_COUNT);

/* The context of xd_watch, run by the daemon (BPF_PROG_TEST_RUN). It returns 0 or a negative errno. */
enum xd_order { XD_ORDER_CONFIG = 1, XD_ORDER_ARM = 2 };
struct xd_watch_order {
  struct xd_watch_key key;
  __u64 orders;   /* enum xd_order */
  __u64 deadline; /* XD_ORDER_ARM: when to report the master lost, if nothing is heard until then */
  struct xd_watch_config config;
};
XD_ASSERT_SIZE(struct xd_watch_order, 336);

/* ---- xd_events: ring buffer to the vrrp process --------------------------------------------------------------------- */

enum xd_event_type {
  XD_EVENT_NEW_MASTER, /* another sender keeps us backup, or the known one is heard again */
  XD_EVENT_CHANGED,    /* the known one changed its priority, interval or what is remarkable about it */
  XD_EVENT_PRIORITY_ZERO,
  XD_EVENT_BETTER,      /* we are master: a higher priority, or an equal one from a higher address */
  XD_EVENT_WORSE,       /* a lower one, as master each time, as backup when it is new */
  XD_EVENT_MASTER_DOWN, /* nothing heard until the deadline; the fields are those of the last one heard */
  XD_EVENT_REJECTED,    /* at most one a second for each watch; the counters have them all */
};

struct xd_event {
  __u16 version; /* XD_LAYOUT */
  __u16 type;    /* enum xd_event_type */
  __u8 reject;   /* enum xd_reject */
  __u8 zero[3];
  __u64 at; /* ns of CLOCK_MONOTONIC: when the advert was seen, the timer fired */
  struct xd_watch_key watch;
  struct xd_heard heard; /* heard.at may be long ago for MASTER_DOWN; REJECTED has the source only */
};
XD_ASSERT_SIZE(struct xd_event, 64);

#endif
