/* Choosing a real server. Every scheduler here reads a ring that the daemon built in IPVS's order: rr and wrr by a cursor, sh and mh by
 * a hash of the client's address, equal to kernel IPVS's (ip_vs_sh.c, ip_vs_mh.c).
 */
#ifndef XD_BPF_SCHEDULE_BPF_H
#define XD_BPF_SCHEDULE_BPF_H

#define SCHED_PORT 2 /* sh-port, mh-port */

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
static __always_inline __u32 flow_hash(const struct xd_flow_key *key) {
  __u32 hash = key->saddr * 0x9E3779B1u ^ ((__u32)key->sport << 16 | key->dport) * 0x85EBCA77u ^ key->daddr;
  hash = (hash ^ hash >> 15) * 0xC2B2AE3Du;
  return hash ^ hash >> 13;
}

/* Index in xd_dests, or XD_NOBODY. `remembered`: the flow will get an entry, so rr and wrr may take turns. */
static __always_inline __u32 schedule(const struct packet *packet, const struct xd_service *service, int remembered) {
  __u32 header = service->ring, length = service->ring_len, at;
  if (!length) return XD_NOBODY;

  __u32 word = bpf_ntohl(packet->key.saddr) + (service->flags & SCHED_PORT ? bpf_ntohs(packet->key.sport) : 0);
  if (service->scheduler == XD_SH) {
    at = word * 0x61C88647u >> 24;
  } else if (service->scheduler == XD_MH) {
    at = mh_hash(word);
  } else if (remembered) {
    struct xd_slot *cursor = bpf_map_lookup_elem(&xd_rings, &header);
    if (!cursor) return XD_NOBODY;
    at = __sync_fetch_and_add(&cursor->cursor, 1);
  } else {
    at = flow_hash(&packet->key);
  }
  at = header + 1 + at % length;
  struct xd_slot *slot = bpf_map_lookup_elem(&xd_rings, &at);
  return slot ? slot->dest : XD_NOBODY;
}

#endif
