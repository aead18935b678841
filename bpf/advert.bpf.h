/* VRRP adverts: heard here, so that the election knows who speaks even while its process is frozen.
 *
 * The watch of the instance judges the advert (the reasons of vrrp/advert.h, in its order), notes who spoke and when, and
 * tells the process only what the election must know: a steady advert of the known master wakes nobody. The packet goes on to
 * the stack in any case, so tcpdump sees it.
 *
 * That the master fell silent is found by the watch's timer. Restarting it for each advert would cost ~300 ns; it fires once in a
 * while, looks when the master was last heard, and sleeps on. It belongs to the map: as long as that is pinned it goes on
 * without the process.
 */
#ifndef XD_BPF_ADVERT_BPF_H
#define XD_BPF_ADVERT_BPF_H

#include <linux/errno.h>

#define XD_NS_PER_SEC 1000000000ull
#define XD_NS_PER_CS 10000000ull
#define XD_OLD_PSEUDO_DESTINATION bpf_htonl(0xe0000012) /* 224.0.0.18 */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC); /* created by the daemon only; most hosts have two */
  __uint(max_entries, 65536);
  __type(key, struct xd_watch_key);
  __type(value, struct xd_watch);
} xd_watches SEC(".maps");

/* RFC 9568, section 5.2. */
struct vrrp_header {
  __u8 version_type;
  __u8 vrid;
  __u8 priority;
  __u8 count;
  union {
    struct {
      __u8 auth_type;
      __u8 seconds;
    } v2;
    __be16 centiseconds; /* v3: 12 bits */
  };
  __be16 checksum;
};

/* An advert that is being judged. */
struct advert {
  struct iphdr *ip;
  struct vrrp_header *vrrp;
  void *end;      /* of the frame */
  __u32 length;   /* of the VRRP message */
  __u64 interval; /* ns */
  __u8 remarks;   /* enum xd_remark */
};

static __always_inline __u32 v2_auth_length(__u8 version) { return version == 2 ? 8 : 0; }

static __always_inline int sum_is_valid(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

struct advert_sums {
  __u32 offset;    /* of the VRRP message in the frame */
  __u32 words;     /* its length */
  __u32 count;     /* of its addresses */
  __u32 addresses; /* out: sum of xd_address_mix() */
  __u64 message;   /* out: sum of its words */
};

/* Sums the message up for its checksum, and its addresses for the comparison with ours. 0: the frame is too short.
 *
 * A global function, because the verifier looks at it alone: inline, it would follow all that comes after it once for each
 * length of the message, which is too much for it. */
__attribute__((noinline)) int sum_advert(struct xdp_md *ctx, struct advert_sums *sums) {
  if (!sums) return 0;
  void *end = (void *)(long)ctx->data_end;
  __be32 *word = (void *)(long)ctx->data + (sums->offset & 0xff);
  __u32 words = sums->words;
  __u32 after_addresses = 2 + sums->count;
  __u64 message = 0;
  __u32 addresses = 0;

  /* 8 bytes of header, 255 addresses, 8 bytes of authentication. */
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < 2 + 255 + 2; i++) {
    if (i >= words) break;
    /* clang 14 would add to `end` instead of `word` when it knew them both, which no verifier allows. */
    asm volatile("" : "+r"(word));
    if ((void *)(word + 1) > end) return 0;
    message += *word;
    /* All ones for i < after_addresses. As a branch, the verifier of 6.1 follows each pair of the two: too many for it. */
    __u32 mask = -((i - after_addresses) >> 31);
    asm volatile("" : "+r"(mask));
    if (i >= 2) addresses += xd_address_mix(*word) & mask;
    word++;
  }
  sums->message = message;
  sums->addresses = addresses;
  return 1;
}

static __always_inline int is_v4(const __be32 mapped[4], __be32 address) { return mapped[3] == address && mapped[2] == bpf_htonl(0xffff); }

__attribute__((noinline)) int xd_is_source_of(const struct xd_watch_config *config, __be32 address) {
  if (!config) return 0;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < XD_WATCH_SOURCES; i++) {
    if (i >= config->source_count) break;
    if (is_v4(config->sources[i], address)) return 1;
  }
  return 0;
}

/* In constant time: how much of a password was right must not show in how long we took. */
static __always_inline int is_password(const struct xd_watch_config *config, const __u8 *data) {
  const __u32 *ours = (const __u32 *)config->auth_data;
  const __u32 *theirs = (const __u32 *)data;
  return ((ours[0] ^ theirs[0]) | (ours[1] ^ theirs[1])) == 0;
}

/* Is it an advert at all? XD_REJECT_COUNT: yes. */
static __always_inline enum xd_reject well_formed(struct xdp_md *ctx, struct advert *advert, const struct xd_watch_config *config,
                                                  int multicast) {
  struct iphdr *ip = advert->ip;
  struct vrrp_header *vrrp = advert->vrrp;
  __u8 version = vrrp->version_type >> 4;

  if (multicast && ip->ttl != 255) return XD_REJECT_TTL;
  if (version != 2 && version != 3) return XD_REJECT_VERSION;
  if ((vrrp->version_type & 0xf) != 1) return XD_REJECT_TYPE;
  if (advert->length != sizeof(*vrrp) + 4 * (__u32)vrrp->count + v2_auth_length(version)) return XD_REJECT_LENGTH;
  advert->interval = version == 2 ? vrrp->v2.seconds * XD_NS_PER_SEC : (bpf_ntohs(vrrp->centiseconds) & 0xfff) * XD_NS_PER_CS;
  if (!advert->interval) return XD_REJECT_INTERVAL_ZERO;

  struct advert_sums sums = {.offset = (void *)vrrp - (void *)(long)ctx->data, .words = advert->length / 4, .count = vrrp->count};
  if (!sum_advert(ctx, &sums)) return XD_REJECT_TOO_SHORT;
  __u64 sum = sums.message;
  __u8 form = XD_CHECKSUM_MESSAGE_ONLY;
  if (version == 3) {
    __u64 pseudo = sum + ip->saddr + bpf_htons(advert->length) + bpf_htons(IPPROTO_VRRP);
    if (sum_is_valid(pseudo + ip->daddr))
      form = XD_CHECKSUM_PSEUDO_HEADER;
    else if (!sum_is_valid(sum)) {
      if (!sum_is_valid(pseudo + XD_OLD_PSEUDO_DESTINATION)) return XD_REJECT_CHECKSUM;
      form = XD_CHECKSUM_MULTICAST_PSEUDO_HEADER;
    }
  } else if (!sum_is_valid(sum)) {
    return XD_REJECT_CHECKSUM;
  }

  advert->remarks = 0;
  if (config->flags & XD_WATCH_CHECK_ADDRESSES && (vrrp->count != config->address_count || sums.addresses != config->addresses))
    advert->remarks |= XD_REMARK_ADDRESSES;
  if (advert->interval != config->interval) advert->remarks |= XD_REMARK_INTERVAL;
  if (form != config->checksum) advert->remarks |= XD_REMARK_CHECKSUM | form << XD_REMARK_FORM_SHIFT;
  return XD_REJECT_COUNT;
}

/* May this instance believe it? XD_REJECT_COUNT: yes. */
static __always_inline enum xd_reject acceptable(struct advert *advert, const struct xd_watch_config *config, int multicast) {
  struct vrrp_header *vrrp = advert->vrrp;
  __u8 version = vrrp->version_type >> 4;

  if (version != config->version) return XD_REJECT_OTHER_VERSION;
  if (version == 2) {
    if (vrrp->v2.auth_type != config->auth_type) return XD_REJECT_AUTH_TYPE;
    if (config->auth_type == 1) {
      __u8 *data = (__u8 *)(vrrp + 1) + 4 * (__u32)vrrp->count;
      if ((void *)(data + 8) > advert->end) return XD_REJECT_TOO_SHORT;
      if (!is_password(config, data)) return XD_REJECT_AUTH_DATA;
    }
    if (advert->interval != config->interval) return XD_REJECT_OTHER_INTERVAL;
  }
  if (multicast == !!(config->flags & XD_WATCH_UNICAST)) return XD_REJECT_OTHER_DESTINATION;
  if (config->flags & XD_WATCH_UNICAST && config->flags & XD_WATCH_CHECK_SOURCE && !xd_is_source_of(config, advert->ip->saddr))
    return XD_REJECT_UNICAST_SOURCE;
  if (is_v4(config->own, advert->ip->saddr)) return XD_REJECT_OWN_SOURCE;
  return XD_REJECT_COUNT;
}

static __always_inline void post(const struct xd_watch_key *key, __u16 type, __u8 reject, __u64 at, const struct xd_heard *heard) {
  struct xd_event *event = bpf_ringbuf_reserve(&xd_events, sizeof(*event), 0);
  if (!event) return; /* full: the process is not reading, and will look at the watch when it does */
  event->version = XD_LAYOUT;
  event->type = type;
  event->reject = reject;
  event->zero[0] = event->zero[1] = event->zero[2] = 0;
  event->at = at;
  event->watch = *key;
  event->heard = *heard;
  bpf_ringbuf_submit(event, 0);
}

static __always_inline int same_source(const struct xd_heard *a, const struct xd_heard *b) {
  return a->source[0] == b->source[0] && a->source[1] == b->source[1] && a->source[2] == b->source[2] && a->source[3] == b->source[3];
}

static __always_inline int same_sender(const struct xd_heard *a, const struct xd_heard *b) {
  return same_source(a, b) && a->priority == b->priority && a->interval == b->interval && a->remarks == b->remarks;
}

/* Higher as a number in network order: the last resort between equal priorities. IPv4 only differs in the last word. */
static __always_inline int is_better(const struct xd_watch_config *config, const struct xd_heard *heard) {
  if (heard->priority != config->priority) return heard->priority > config->priority;
  return bpf_ntohl(heard->source[3]) > bpf_ntohl(config->own[3]);
}

static __always_inline void heard_as_backup(const struct xd_watch_key *key, struct xd_watch *watch, struct xd_heard *heard) {
  struct xd_watch_config *config = &watch->config;

  if (heard->priority == 0) {
    /* Only the master can leave; the process decides the same. */
    if (watch->seen.at && same_source(&watch->seen, heard)) watch->seen.at = 0;
    post(key, XD_EVENT_PRIORITY_ZERO, 0, heard->at, heard);
    return;
  }
  if (heard->priority < config->keeps_from && heard->at >= config->hold_until) {
    int known = watch->ignored.at && same_sender(&watch->ignored, heard);
    watch->ignored = *heard;
    if (!known) post(key, XD_EVENT_WORSE, 0, heard->at, heard);
    return;
  }
  if (watch->seen.at && !watch->down_at && same_sender(&watch->seen, heard)) {
    watch->seen.at = heard->at;
    return;
  }
  int same = watch->seen.at && !watch->down_at && same_source(&watch->seen, heard);
  watch->seen = *heard;
  watch->down_at = 0;
  post(key, same ? XD_EVENT_CHANGED : XD_EVENT_NEW_MASTER, 0, heard->at, heard);
}

static __always_inline void heard_as_master(const struct xd_watch_key *key, struct xd_watch *watch, struct xd_heard *heard) {
  if (heard->priority == 0) {
    post(key, XD_EVENT_PRIORITY_ZERO, 0, heard->at, heard);
  } else if (is_better(&watch->config, heard)) {
    watch->seen = *heard;
    post(key, XD_EVENT_BETTER, 0, heard->at, heard);
  } else {
    watch->ignored = *heard;
    post(key, XD_EVENT_WORSE, 0, heard->at, heard);
  }
}

/* Global: the verifier looks at it once, not once for each number of VLAN tags. `l3`: where the IP header is. */
__attribute__((noinline)) int xd_advert(struct xdp_md *ctx, __u32 l3, __u32 vlans) {
  struct iphdr *ip = (void *)(long)ctx->data + (l3 & 0x1f);
  struct advert advert = {.ip = ip, .end = (void *)(long)ctx->data_end};
  if ((void *)(ip + 1) > advert.end) return verdict(ctx, XD_TRUNCATED);
  __u32 header = ip->ihl * 4, length = bpf_ntohs(ip->tot_len);

  if (ip->frag_off & bpf_htons(0x3fff)) return verdict(ctx, XD_ADVERT); /* the raw socket hears it whole */
  if (header < sizeof(*ip) || length < header + sizeof(struct vrrp_header)) return verdict(ctx, XD_TRUNCATED);
  advert.length = length - header;
  advert.vrrp = (void *)ip + header;
  if ((void *)(advert.vrrp + 1) > advert.end) return verdict(ctx, XD_TRUNCATED);

  struct xd_watch_key key = {.ifindex = ctx->ingress_ifindex, .vlan = vlans >> 16, .family = 2 /* AF_INET */, .vrid = advert.vrrp->vrid};
  struct xd_watch *watch = vlans & 0xffff ? NULL : bpf_map_lookup_elem(&xd_watches, &key);
  if (!watch) return verdict(ctx, XD_ADVERT);

  int multicast = (bpf_ntohl(ip->daddr) >> 28) == 0xe;
  struct xd_heard heard = {.at = bpf_ktime_get_ns(), .source = {0, 0, bpf_htonl(0xffff), ip->saddr}};
  enum xd_reject reject = (void *)ip + length > advert.end ? XD_REJECT_TOO_SHORT : well_formed(ctx, &advert, &watch->config, multicast);
  if (reject == XD_REJECT_COUNT) reject = acceptable(&advert, &watch->config, multicast);
  if (reject < XD_REJECT_COUNT) {
    __sync_fetch_and_add(&watch->rejects[reject], 1);
    if (heard.at - watch->rejected_at >= XD_NS_PER_SEC) {
      watch->rejected_at = heard.at;
      post(&key, XD_EVENT_REJECTED, reject, heard.at, &heard);
    }
    return verdict(ctx, XD_ADVERT);
  }

  heard.interval = advert.interval;
  heard.priority = advert.vrrp->priority;
  heard.remarks = advert.remarks;
  __sync_fetch_and_add(&watch->adverts, 1);
  if (heard.priority == 0) __sync_fetch_and_add(&watch->zeros, 1);
  if (heard.remarks) {
    for (__u32 i = 0; i < XD_REMARK_COUNT; i++)
      if (heard.remarks & 1 << i) __sync_fetch_and_add(&watch->remarks[i], 1);
  }
  if (watch->config.role == XD_WATCH_BACKUP)
    heard_as_backup(&key, watch, &heard);
  else if (watch->config.role == XD_WATCH_MASTER)
    heard_as_master(&key, watch, &heard);
  return verdict(ctx, XD_ADVERT);
}

/* ---- The master-down timer ------------------------------------------------------------------------------------------ */

/* vrrp/timing.h: skew_time() and master_down_interval(). */
static __always_inline __u64 master_down_interval(const struct xd_watch *watch) {
  const struct xd_watch_config *config = &watch->config;
  __u64 interval = config->version == 3 && watch->seen.at ? watch->seen.interval : config->interval;
  __u64 whole = config->version == 2 ? XD_NS_PER_SEC : interval;
  return config->down_adverts * interval + ((256 - config->priority) * whole + 255) / 256;
}

static int master_down(void *map, struct xd_watch_key *key, struct xd_watch *watch) {
  (void)map;
  if (watch->config.role != XD_WATCH_BACKUP) return 0; /* armed again when it is one */

  __u64 now = bpf_ktime_get_ns();
  __u64 interval = master_down_interval(watch);
  __u64 due = watch->deadline;
  if (watch->seen.at && watch->seen.at + interval > due) due = watch->seen.at + interval;
  if (now < due) {
    bpf_timer_start(&watch->timer, due - now, 0);
    return 0;
  }
  watch->down_at = now;
  struct xd_watch_key copy = *key;
  post(&copy, XD_EVENT_MASTER_DOWN, 0, now, &watch->seen);
  /* Said again until somebody acts: a sync group's member that is ripe waits for the others. */
  bpf_timer_start(&watch->timer, interval, 0);
  return 0;
}

/* Word by word at constant offsets: the verifier wants each read of the context to be one. */
static __always_inline void copy_config(struct xd_watch_config *to, const volatile struct xd_watch_config *from) {
#pragma clang loop unroll(full)
  for (__u32 i = 0; i < sizeof(*to) / sizeof(__u64); i++) ((__u64 *)to)[i] = ((const volatile __u64 *)from)[i];
}

SEC("syscall")
int xd_watch(struct xd_watch_order *order) {
  struct xd_watch_key key = order->key;
  struct xd_watch *watch = bpf_map_lookup_elem(&xd_watches, &key);
  if (!watch) return -ENOENT;

  if (order->orders & XD_ORDER_CONFIG) {
    if (watch->config.role != order->config.role) { /* whoever is heard now is news */
      watch->seen.at = 0;
      watch->ignored.at = 0;
      watch->down_at = 0;
    }
    copy_config(&watch->config, &order->config);
  }
  if (order->orders & XD_ORDER_ARM) {
    __u64 now = bpf_ktime_get_ns();
    watch->deadline = order->deadline;
    int error = bpf_timer_init(&watch->timer, &xd_watches, 1 /* CLOCK_MONOTONIC */);
    if (error && error != -EBUSY) return error; /* EBUSY: it was there already */
    error = bpf_timer_set_callback(&watch->timer, master_down);
    if (error) return error;
    return bpf_timer_start(&watch->timer, order->deadline > now ? order->deadline - now : 0, 0);
  }
  return 0;
}

#endif
