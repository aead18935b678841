/* Choosing a real server, as kernel IPVS does for the same arrivals.
 *
 * rr, wrr, sh, dh and mh read a ring that the daemon built in IPVS's order: rr and wrr by a cursor, the others by a hash of an address. All
 * others walk the list of destinations, newest first as IPVS has it, over what each carries now.
 */
#ifndef XD_BPF_SCHEDULE_BPF_H
#define XD_BPF_SCHEDULE_BPF_H

enum sched_flag { SCHED_FALLBACK = 1, SCHED_PORT = 2 }; /* of sh and mh */

static __always_inline __u64 rotate64(__u64 v, int bits) { return v << bits | v >> (64 - bits); }

static __always_inline void sip_round(__u64 v[4]) {
  v[0] += v[1];
  v[1] = rotate64(v[1], 13) ^ v[0];
  v[0] = rotate64(v[0], 32);
  v[2] += v[3];
  v[3] = rotate64(v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = rotate64(v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = rotate64(v[1], 17) ^ v[2];
  v[2] = rotate64(v[2], 32);
}

/* SipHash-1-3 of one 32-bit word with both key halves 2654435761, cut to 32 bits: the kernel's hsiphash() on 64-bit machines, and
 * mh's key. */
static __always_inline __u32 mh_hash(__u32 word) {
  const __u64 key = 2654435761u, last = 4ull << 56 | word;
  __u64 v[4] = {0x736f6d6570736575ull ^ key, 0x646f72616e646f6dull ^ key, 0x6c7967656e657261ull ^ key, 0x7465646279746573ull ^ key ^ last};
  sip_round(v);
  v[0] ^= last;
  v[2] ^= 0xff;
  sip_round(v);
  sip_round(v);
  sip_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* A hash of the whole flow, for placing flows that cannot be remembered: the same packet, the same answer. */
static __always_inline __u32 flow_hash(const struct xd_flow_key *key) { return xd_flow_hash(key, 0) >> 16; }

static __always_inline __u32 fold_address(const struct packet *packet, const __be32 addr[4]) {
  return bpf_ntohl(packet->v6 ? addr[0] ^ addr[1] ^ addr[2] ^ addr[3] : addr[3]);
}

static __always_inline __u32 hash_256(__u32 word) { return word * 0x61C88647u >> 24; }

static __always_inline struct xd_slot *slot_at(__u32 index) { return bpf_map_lookup_elem(&xd_rings, &index); }
static __always_inline struct xd_dest *dest_at(__u32 index) { return bpf_map_lookup_elem(&xd_dests, &index); }

static __always_inline int is_available(const struct xd_dest *dest) { return dest && dest->weight && !dest->overloaded; }

#define TURNS_MAX 256    /* turns of overloaded ones that rr and wrr skip */
#define FALLBACK_MAX 128 /* steps that sh-fallback and mh-fallback go */

/* rr and wrr: whose turn it is; XD_NOBODY when that one takes nothing now. */
static __always_inline __u32 take_turn(const struct xd_service *service) {
  struct xd_slot *header = slot_at(service->ring);
  if (!header || !service->ring_len) return XD_NOBODY;
  struct xd_slot *slot = slot_at(service->ring + 1 + __sync_fetch_and_add(&header->cursor, 1) % service->ring_len);
  if (!slot) return XD_NOBODY;
  __u32 dest = slot->dest;
  return is_available(dest_at(dest)) ? dest : XD_NOBODY;
}

/* sh and mh with fallback: on from the bucket of one that takes nothing, as IPVS goes on. */
__attribute__((noinline)) __u32 xd_fall_back(const struct xd_service *service, __u32 word, __u32 at) {
  if (!service || !service->ring_len) return XD_NOBODY;
  __u32 length = service->ring_len, offset = at % length, step = 0;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < FALLBACK_MAX; i++) {
    step = service->scheduler == XD_MH ? mh_hash(word + offset) : offset + at;
    struct xd_slot *slot = slot_at(service->ring + 1 + step % length);
    if (!slot) return XD_NOBODY;
    __u32 dest = slot->dest;
    if (is_available(dest_at(dest))) return dest;
    offset = (offset + 1) % length;
  }
  return XD_NOBODY;
}

/* What a destination carries, and by what weight that counts. */
struct burden {
  __u64 load, weight;
};

/* How load and weight are counted makes the scheduler. 0: the destination takes no connections. */
static __always_inline int weigh(const struct xd_dest *dest, __u32 scheduler, struct burden *out) {
  if (!is_available(dest)) return 0;
  __u64 active = dest->active;
  out->weight = dest->weight;
  switch (scheduler) {
    case XD_NQ: out->load = active ? active + 1 : 0; return 1; /* an idle one before all others, whatever its weight */
    case XD_SED: out->load = active + 1; return 1;
    case XD_OVF:
      if (active > out->weight) return 0;
      out->load = 1;
      return 1;
    case XD_FO: out->load = 1; return 1; /* the greatest weight, which is the least 1 / weight */
    case XD_LC: out->weight = 1; break;
  }
  out->load = (active << 8) + dest->inactive;
  return 1;
}

/* The one of two destinations that carries less for its weight, the first when they are equal. XD_NOBODY: neither takes connections. */
__attribute__((noinline)) __u32 xd_lesser(__u32 scheduler, __u32 first, __u32 second) {
  struct burden a, b;
  if (!weigh(dest_at(second), scheduler, &b)) return first;
  if (!weigh(dest_at(first), scheduler, &a)) return second;
  return b.load * a.weight < a.load * b.weight ? second : first;
}

/* Of a group of the list the one that carries least. */
__attribute__((noinline)) __u32 xd_least_of_group(const struct xd_service *service, __u32 group) {
  if (!service) return XD_NOBODY;
  __u32 best = XD_NOBODY, at = group * XD_GROUP, length = service->list_len;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < XD_GROUP; i++, at++) {
    if (at >= length) break;
    struct xd_slot *slot = slot_at(service->list + at);
    if (!slot) break;
    best = xd_lesser(service->scheduler, best, slot->dest);
  }
  return best;
}

/* The same, as it was found for an earlier packet, unless a destination of the group has changed since. */
__attribute__((noinline)) __u32 xd_known_least(const struct xd_service *service, __u32 group) {
  if (!service) return XD_NOBODY;
  struct xd_slot *known = slot_at(xd_groups(service) + group);
  struct burden burden;
  if (!known) return XD_NOBODY;
  /* The daemon may just have taken its weight away. */
  if (!known->cursor && (known->dest == XD_NOBODY || weigh(dest_at(known->dest), service->scheduler, &burden))) return known->dest;
  __sync_lock_test_and_set(&known->cursor, 0); /* before the look: what changes meanwhile counts for the next one */
  __u32 best = xd_least_of_group(service, group);
  known->dest = best;
  return best;
}

/* The destination that carries least for its weight, the first in the list among equals. After a new flow there is one group to look through,
 * not all. */
__attribute__((noinline)) __u32 xd_least(const struct xd_service *service) {
  if (!service) return XD_NOBODY;
  __u32 best = XD_NOBODY, groups = (service->list_len + XD_GROUP - 1) / XD_GROUP;
#pragma clang loop unroll(disable)
  for (__u32 group = 0; group < XD_LIST_MAX / XD_GROUP; group++) {
    if (group >= groups) break;
    best = xd_lesser(service->scheduler, best, xd_known_least(service, group));
  }
  return best;
}

/* Sum of the weights of all that take connections. */
__attribute__((noinline)) __u32 xd_total_weight(const struct xd_service *service) {
  if (!service) return 0;
  __u32 length = service->list_len, total = 0;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < XD_LIST_MAX; i++) {
    if (i >= length) break;
    struct xd_slot *slot = slot_at(service->list + i);
    if (!slot) break;
    struct xd_dest *dest = dest_at(slot->dest);
    if (is_available(dest)) total += dest->weight;
  }
  return total;
}

/* Where the sum of the weights reaches `mark`. */
__attribute__((noinline)) __u32 xd_at_weight(const struct xd_service *service, __u32 mark) {
  if (!service) return XD_NOBODY;
  __u32 length = service->list_len, sum = 0;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < XD_LIST_MAX; i++) {
    if (i >= length) break;
    struct xd_slot *slot = slot_at(service->list + i);
    if (!slot) break;
    __u32 index = slot->dest;
    struct xd_dest *dest = dest_at(index);
    if (!is_available(dest)) continue;
    sum += dest->weight;
    if (sum >= mark) return index;
  }
  return XD_NOBODY;
}

/* Whose turn it is after one who has enough connections. When it is that one's for long, for its weight is great, others take turns by chance. */
__attribute__((noinline)) __u32 xd_later_turn(const struct xd_service *service) {
  if (!service) return XD_NOBODY;
#pragma clang loop unroll(disable)
  for (__u32 i = 1; i < TURNS_MAX && i < service->ring_len; i++) {
    __u32 dest = take_turn(service);
    if (dest != XD_NOBODY) return dest;
  }
  __u32 total = xd_total_weight(service);
  return total ? xd_at_weight(service, 1 + bpf_get_prandom_u32() % total) : XD_NOBODY;
}

static __always_inline __u32 next_turn(const struct xd_service *service) {
  __u32 dest = take_turn(service);
  return dest != XD_NOBODY ? dest : xd_later_turn(service);
}

/* twos: two at random by their weights, of these the one that carries less. */
static __always_inline __u32 of_two(const struct xd_service *service) {
  __u32 total = xd_total_weight(service);
  if (!total) return XD_NOBODY;
  __u32 one = xd_at_weight(service, bpf_get_prandom_u32() % (total + 1));
  __u32 two = xd_at_weight(service, bpf_get_prandom_u32() % (total + 1));
  struct xd_dest *a = dest_at(one), *b = dest_at(two);
  if (!a || !b) return one;
  __u64 load_a = ((__u64)a->active << 8) + a->inactive, load_b = ((__u64)b->active << 8) + b->inactive;
  return load_a * b->weight > load_b * a->weight ? two : one;
}

/* lblc and lblcr: has it more connections than its weight, while another one has less than half of its own? */
__attribute__((noinline)) __u32 xd_is_swamped(const struct xd_service *service, __u32 index) {
  struct xd_dest *dest = dest_at(index);
  if (!service || !dest || dest->active <= dest->weight) return 0;
  __u32 length = service->list_len;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < XD_LIST_MAX; i++) {
    if (i >= length) break;
    struct xd_slot *slot = slot_at(service->list + i);
    if (!slot) break;
    struct xd_dest *other = dest_at(slot->dest);
    if (other && (__u64)other->active * 2 < other->weight) return 1;
  }
  return 0;
}

/* lblc: all of a virtual address goes to one server until that is swamped, then to the least loaded. IPVS keeps a table by destination
 * address; a service by address has one row of it, which stands in the ring's header: the server, and when it was last asked for. */
static __always_inline __u32 local_least(const struct xd_service *service) {
  struct xd_slot *header = slot_at(service->ring);
  if (!header) return XD_NOBODY;
  __u32 now = jiffies(), idle = now - header->cursor;
  header->cursor = now;
  struct xd_dest *dest = dest_at(header->dest);
  if (idle <= xd_info.lblc_expiration && dest && dest->flags & XD_DEST_F_PRESENT && dest->weight && !xd_is_swamped(service, header->dest))
    return header->dest;
  __u32 index = xd_least(service);
  if (index != XD_NOBODY) header->dest = index;
  return index;
}

/* Of two members of lblcr's set the one that carries less for its weight (`most`: more), among equals the one that joined later, which IPVS has
 * before the other. One that is no member, or takes no connections, loses. */
__attribute__((noinline)) __u32 xd_member_of_two(__u32 first, __u32 second, __u32 most) {
  struct xd_dest *a = dest_at(first), *b = dest_at(second);
  if (!b || !b->joined || !b->weight || (!most && b->overloaded)) return first;
  if (!a) return second;
  __u64 of_a = (((__u64)a->active << 8) + a->inactive) * b->weight, of_b = (((__u64)b->active << 8) + b->inactive) * a->weight;
  if (of_a == of_b) return a->joined > b->joined ? first : second;
  return most ? (of_b > of_a ? second : first) : (of_b < of_a ? second : first);
}

struct local_set {
  __u32 least, most; /* indexes in xd_dests */
  __u32 size;
  __u32 newest; /* the highest `joined` */
};

/* Looks whether a destination is a member. A function of its own, so that the verifier of Linux 6.1 walks its branches once and not for each
 * turn of the loop below. */
__attribute__((noinline)) int xd_note_member(struct local_set *set, __u32 index, __u32 disband) {
  struct xd_dest *dest = dest_at(index);
  if (!set || !dest) return 0;
  if (disband) dest->joined = 0;
  if (!dest->joined) return 0;
  set->size++;
  if (dest->joined > set->newest) set->newest = dest->joined;
  set->least = xd_member_of_two(set->least, index, 0);
  set->most = xd_member_of_two(set->most, index, 1);
  return 0;
}

/* The set as it is; `disband`: its members leave. */
__attribute__((noinline)) int xd_look_at_set(const struct xd_service *service, struct local_set *set, __u32 disband) {
  if (!service || !set) return 0;
  __u32 length = service->list_len;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < XD_LIST_MAX; i++) {
    if (i >= length) break;
    struct xd_slot *slot = slot_at(service->list + i);
    if (!slot) break;
    xd_note_member(set, slot->dest, disband);
  }
  return 0;
}

/* lblcr: the least loaded of a set, which grows by the least loaded of all when it is swamped, and loses the most loaded one when it has not
 * changed for long. The header has when it changed and when it was last asked for. */
static __always_inline __u32 local_least_of_set(const struct xd_service *service) {
  struct xd_slot *header = slot_at(service->ring);
  struct local_set set = {XD_NOBODY, XD_NOBODY, 0, 0};
  if (!header) return XD_NOBODY;
  __u32 now = jiffies(), idle = now - header->cursor;
  header->cursor = now;
  xd_look_at_set(service, &set, idle > xd_info.lblcr_expiration);
  if (set.size > 1 && now - header->dest > xd_info.lblcr_expiration) {
    struct xd_dest *most = dest_at(set.most);
    if (most) most->joined = 0;
    header->dest = now;
  }
  if (set.least != XD_NOBODY && !xd_is_swamped(service, set.least)) return set.least;
  __u32 index = xd_least(service);
  struct xd_dest *dest = dest_at(index);
  if (dest && !dest->joined) {
    dest->joined = set.newest + 1;
    header->dest = now;
  }
  return index;
}

/* sh and mh. */
static __always_inline __u32 by_client(const struct packet *packet, const struct xd_service *service) {
  __u32 word = fold_address(packet, packet->key.saddr) + (service->flags & SCHED_PORT ? bpf_ntohs(packet->key.sport) : 0);
  __u32 at = service->scheduler == XD_SH ? hash_256(word) : mh_hash(word);
  if (!service->ring_len) return XD_NOBODY;
  at %= service->ring_len;
  struct xd_slot *slot = slot_at(service->ring + 1 + at);
  if (!slot) return XD_NOBODY;
  __u32 dest = slot->dest;
  if (is_available(dest_at(dest))) return dest;
  return service->flags & SCHED_FALLBACK ? xd_fall_back(service, word, at) : XD_NOBODY;
}

/* Index in xd_dests, or XD_NOBODY. `by_turn` 0: the flow cannot be remembered, so only its hash may decide. */
__attribute__((noinline)) __u32 xd_schedule(const struct packet *packet, const struct xd_service *service, __u32 by_turn) {
  if (!packet || !service) return XD_NOBODY;
  __u32 scheduler = service->scheduler, length = service->ring_len, begin = service->ring + 1;
  if (scheduler == XD_SH || scheduler == XD_MH) return by_client(packet, service);
  if (scheduler == XD_DH) {
    if (!length) return XD_NOBODY;
    struct xd_slot *slot = slot_at(begin + hash_256(fold_address(packet, packet->key.daddr)) % length);
    if (!slot) return XD_NOBODY;
    __u32 dest = slot->dest;
    return is_available(dest_at(dest)) ? dest : XD_NOBODY;
  }
  if (!by_turn) { /* any that serves: the ring where there is one, else the list by weight */
    __u32 hash = flow_hash(&packet->key);
    if (!length) {
      __u32 total = xd_total_weight(service);
      return total ? xd_at_weight(service, 1 + hash % total) : XD_NOBODY;
    }
    struct xd_slot *slot = slot_at(begin + hash % length);
    return slot ? slot->dest : XD_NOBODY;
  }
  switch (scheduler) {
    case XD_RR:
    case XD_WRR: return next_turn(service);
    case XD_LBLC: return local_least(service);
    case XD_LBLCR: return local_least_of_set(service);
    case XD_TWOS: return of_two(service);
    default: return xd_least(service);
  }
}

/* The same, for a flow that is remembered; the schedulers that are used most without a call. */
static __always_inline __u32 schedule(const struct packet *packet, const struct xd_service *service) {
  __u32 scheduler = service->scheduler;
  if (scheduler == XD_RR || scheduler == XD_WRR) return next_turn(service);
  if (scheduler == XD_MH || scheduler == XD_SH) return by_client(packet, service);
  return xd_schedule(packet, service, 1);
}

#endif
