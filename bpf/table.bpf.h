/* The flow table: a hash table of our own inside an array map.
 *
 * The kernel's hash maps cost a call, a lock for each change, and three to four lines of memory in two pages for each look. Here a look
 * reads one line of tags and the flow's own, in one page, without a call into the kernel; entering a flow writes the same
 * two. A key's hash names two buckets of 15 places, and which place of a bucket is tried first. A flow stands in the first bucket, and in
 * the second when that is full; the first then counts it as spilled, so that most looks that find nothing need not look there.
 *
 * A place is taken by swapping its tag from free to busy, filled, and shown by writing the tag, so a reader never sees half a flow. It is
 * given back the same way, and only who swapped the tag away counts the flow out. Readers that still hold a flow while
 * that happens read memory that is always there: at worst one packet follows the place's next owner, as it may in
 * the kernel's preallocated maps.
 *
 * Flows that the client has not confirmed (one SYN, one datagram) may take only a part of a bucket: a flood of first packets cannot keep
 * out, or push out, those that are confirmed.
 */
#ifndef XD_BPF_TABLE_BPF_H
#define XD_BPF_TABLE_BPF_H

#define PLACE_LINE 15u
#define MARKS_HALF_OPEN 0x7fffu
#define MARKS_SPILL 0x10000u

static __always_inline __u32 jiffies(void) { return (__u32)bpf_jiffies64(); }

static __always_inline __u32 way_of(__u32 place) {
  __u64 way = place - 1;
  asm volatile("" : "+r"(way));
  return way & PLACE_LINE;
}

static __always_inline struct xd_bucket *bucket_at(__u32 place) {
  __u32 bucket_index = place >> 4;
  return bpf_map_lookup_elem(&xd_flows, &bucket_index);
}

/* The flow of a place: line 1 to 15 of its bucket. */
static __always_inline struct xd_flow *flow_in(struct xd_bucket *bucket, __u32 place) {
  if (!bucket || !(place & PLACE_LINE)) return 0;
  __u64 offset = place * sizeof(struct xd_flow); /* the mask last: kernel 6.1 must see the bounds right before their use */
  asm volatile("" : "+r"(offset));
  return (void *)bucket + (offset & PLACE_LINE * sizeof(struct xd_flow));
}

static __always_inline struct xd_flow *flow_at(__u32 place) { return flow_in(bucket_at(place), place); }

/* Without a branch for each word: it is asked where the answer is nearly always yes. */
static __always_inline int is_of(const struct xd_flow *flow, const struct xd_flow_key *key) {
  const __u64 *a = (const void *)flow->saddr, *b = (const void *)key->saddr;
  return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (*(const __u32 *)&flow->sport ^ *(const __u32 *)&key->sport) |
           (flow->proto ^ key->proto));
}

/* Where a key's flow stands, or would stand. */
static __always_inline struct spot spot_of(const struct xd_flow_key *key) {
  __u64 hash = xd_flow_hash(key, xd_info.seed);
  return (struct spot){.first = hash & (xd_info.buckets - 1), .tag = xd_flow_tag(hash)};
}

/* The line that a flow would like. It is read whatever its tag is, so that memory brings both at once: for a new flow, which will be written
 * there, too. */
static __always_inline struct xd_flow *favourite(struct xd_bucket *bucket, __u32 tag, __u64 *line) {
  *line = xd_favourite(tag);
  asm volatile("" : "+r"(*line)); /* else clang unites shifts, and the verifier loses sight of the bounds */
  struct xd_flow *flow = &bucket->flow[*line];
  asm volatile("" : "+r"(flow)); /* else clang makes the address anew for each word */
  return flow;
}

static __always_inline __u32 find_in(__u32 bucket_index, __u32 tag, const struct xd_flow_key *key, __u32 *marks) {
  struct xd_bucket *bucket = bpf_map_lookup_elem(&xd_flows, &bucket_index);
  if (!bucket) return 0;
  __u64 line;
  struct xd_flow *flow = favourite(bucket, tag, &line);
  if (is_of(flow, key) && bucket->tag[line] == tag) return bucket_index << 4 | (line + 1);
  *marks = bucket->marks;
#pragma clang loop unroll(full)
  for (__u32 way = 0; way < XD_WAYS; way++) {
    if (bucket->tag[way] == tag && is_of(&bucket->flow[way], key)) return bucket_index << 4 | (way + 1);
  }
  return 0;
}

/* The place of a flow, or 0. */
__attribute__((noinline)) __u32 xd_find_at(const struct xd_flow_key *key, const struct spot *spot) {
  __u32 marks = 0;
  if (!key || !spot) return 0;
  __u32 place = find_in(spot->first, spot->tag, key, &marks);
  if (place || marks < MARKS_SPILL) return place;
  return find_in(xd_second_bucket(spot->first, spot->tag, xd_info.buckets - 1), spot->tag, key, &marks);
}

/* Likewise; and its spot, for xd_take(). */
static __always_inline __u32 find(const struct xd_flow_key *key, struct spot *spot) {
  *spot = spot_of(key);
  return xd_find_at(key, spot);
}

/* Written once in a jiffy, for every packet reads that line. */
static __always_inline void note_overflow(void) {
  __u32 now = jiffies() | 1; /* 0 means never */
  if (xd_info.overflow != now) xd_info.overflow = now;
}

/* The stamp may be a jiffy ahead, for its lowest bit is always set. */
static __always_inline int overflowed_within(__u32 seconds) {
  return xd_info.overflow && jiffies() + 1 - xd_info.overflow < seconds * xd_info.hz;
}

/* Within a minute of a full bucket, segments of unknown flows may belong to one that found no place. */
static __always_inline int overflowed_lately(void) { return overflowed_within(60); }

static __always_inline __u32 count_bits(__u32 bits) {
  bits = bits - (bits >> 1 & 0x5555);
  bits = (bits & 0x3333) + (bits >> 2 & 0x3333);
  bits = (bits + (bits >> 4)) & 0x0f0f;
  return (bits + (bits >> 8)) & 0x1f;
}

static __always_inline __u32 take_in(__u32 bucket_index, __u32 tag, __u32 half_open, __u32 half_ways) {
  struct xd_bucket *bucket = bpf_map_lookup_elem(&xd_flows, &bucket_index);
  if (!bucket) return 0;
  if (half_open && count_bits(bucket->marks & MARKS_HALF_OPEN) >= half_ways) return 0;
  __u64 way = xd_favourite(tag);
  asm volatile("" : "+r"(way));
  way &= PLACE_LINE;
  if (way >= XD_WAYS || bucket->tag[way] != XD_TAG_FREE) {
    way = XD_WAYS;
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < XD_WAYS; i++) {
      if (bucket->tag[i] == XD_TAG_FREE) way = i;
    }
    asm volatile("" : "+r"(way));
    way &= PLACE_LINE;
  }
  /* Who loses it to another CPU looks elsewhere. */
  if (way >= XD_WAYS || __sync_val_compare_and_swap(&bucket->tag[way], XD_TAG_FREE, XD_TAG_BUSY) != XD_TAG_FREE) return 0;
  if (half_open) __sync_fetch_and_or(&bucket->marks, 1u << way);
  return bucket_index << 4 | (__u32)(way + 1);
}

/* Other CPUs must see the tag after the flow. Where they see stores in their order anyway, no barrier waits here for the flow's line to come
 * from memory. */
static __always_inline void show(struct xd_bucket *bucket, __u32 place, __u32 tag) {
  __u32 way = way_of(place);
  if (!bucket || way >= XD_WAYS) return;
#ifdef XD_STORES_IN_ORDER
  asm volatile("" ::: "memory");
  *(volatile __u32 *)&bucket->tag[way] = tag;
#else
  __sync_lock_test_and_set(&bucket->tag[way], tag);
#endif
}

enum taking {
  TAKE_HALF_OPEN = 1,
  TAKE_MODESTLY = 2, /* what need not be remembered: while tables overflow, its second bucket is not looked at */
};

/* Takes the place where a key would stand, its first bucket being full, or half-open flows having their share there. 0: the second one likewise. */
__attribute__((noinline)) __u32 xd_take_second(const struct spot *spot, __u32 taking) {
  if (!spot) return 0;
  __u32 first = spot->first, tag = spot->tag, half_open = taking & TAKE_HALF_OPEN, place = 0;
  if (!(taking & TAKE_MODESTLY) || !overflowed_within(1))
    place = take_in(xd_second_bucket(first, tag, xd_info.buckets - 1), tag, half_open, xd_info.half_ways);
  if (!place) {
    note_overflow();
    return 0;
  }
  struct xd_bucket *bucket = bpf_map_lookup_elem(&xd_flows, &first);
  if (bucket) __sync_fetch_and_add(&bucket->marks, MARKS_SPILL);
  return place;
}

/* Takes the place where a key would stand. 0: both buckets are full, or half-open flows have their share. */
static __always_inline __u32 take_place(const struct spot *spot, __u32 taking) {
  __u32 place = take_in(spot->first, spot->tag, taking & TAKE_HALF_OPEN, xd_info.half_ways);
  return place ? place : xd_take_second(spot, taking);
}

static __always_inline void write_key(struct xd_flow *flow, const struct xd_flow_key *key) {
  __builtin_memcpy(flow->saddr, key, 36);
  flow->proto = key->proto;
}

/* Gives a place back. 1 for the one who did it. */
__attribute__((noinline)) __u32 xd_give_back(__u32 place) {
  struct xd_flow *flow = flow_at(place);
  if (!flow) return 0;
  __u64 hash = xd_hash(flow->saddr, flow->daddr, flow->sport, flow->dport, flow->proto, xd_info.seed);
  __u32 first = hash & (xd_info.buckets - 1), tag = xd_flow_tag(hash), bucket_index = place >> 4, way = way_of(place);
  struct xd_bucket *bucket = bpf_map_lookup_elem(&xd_flows, &bucket_index);
  if (!bucket || way >= XD_WAYS) return 0;
  if (__sync_val_compare_and_swap(&bucket->tag[way], tag, XD_TAG_BUSY) != tag) return 0;
  if (first != bucket_index) {
    struct xd_bucket *home = bpf_map_lookup_elem(&xd_flows, &first);
    if (home) __sync_fetch_and_add(&home->marks, -MARKS_SPILL);
  }
  __sync_fetch_and_and(&bucket->marks, ~(1u << way));
  __sync_lock_test_and_set(&bucket->tag[way], XD_TAG_FREE);
  return 1;
}

static __always_inline __u32 is_half_open(const struct xd_bucket *bucket, __u32 place) {
  return bucket->marks & 1u << way_of(place) & MARKS_HALF_OPEN;
}

static __always_inline void confirm(__u32 place) {
  __u32 bucket_index = place >> 4, way = way_of(place);
  struct xd_bucket *bucket = bpf_map_lookup_elem(&xd_flows, &bucket_index);
  if (bucket) __sync_fetch_and_and(&bucket->marks, ~(1u << way));
}

/* The half-open flow of a bucket that has been silent longest: it makes room for one that is more likely to be real. Where only
 * replies are half-open, the flow of one of them. 0: none. */
__attribute__((noinline)) __u32 xd_oldest_half_open(__u32 first) {
  __u32 now = jiffies(), oldest = 0, of_reply = 0, age = 0;
  struct xd_bucket *bucket = bpf_map_lookup_elem(&xd_flows, &first);
  if (!bucket) return 0;
#pragma clang loop unroll(full)
  for (__u32 way = 0; way < XD_WAYS; way++) {
    if (!(bucket->marks & 1u << way) || bucket->tag[way] <= XD_TAG_BUSY) continue;
    if (bucket->flow[way].flags & XD_FLOW_REPLY) {
      of_reply = bucket->flow[way].peer;
      continue;
    }
    __u32 this = now - bucket->flow[way].seen + 1;
    if (this <= age) continue;
    age = this;
    oldest = first << 4 | (way + 1);
  }
  return oldest ? oldest : of_reply;
}

#endif
