/* Is this packet any business of ours? One look at a bitmap answers for nearly all that are not. */
#ifndef XD_BPF_FILTER_BPF_H
#define XD_BPF_FILTER_BPF_H

enum filter_bit {
  TO_VIP = 1,    /* the destination may be a virtual address */
  FROM_REAL = 2, /* the source may be a NAT real server */
  TO_CLOSED = 4, /* the destination may be a virtual address that another director holds */
};

static __always_inline __u32 bit_of(const __u8 *bits, __u32 hash) { return (bits[hash >> 3] >> (hash & 7)) & 1; }

static __always_inline __u32 filter_look(struct packet *packet, const __be32 destination[4], const __be32 source[4]) {
  __u32 zero = 0;
  struct xd_filter *filter = bpf_map_lookup_elem(&xd_filter, &zero);
  if (!filter) return 0;
  packet->partial = filter->partial;
  __u32 to = xd_filter_hash(destination);
  __u32 business = bit_of(filter->vip, to) * TO_VIP | bit_of(filter->closed, to) * TO_CLOSED;
  if (business & TO_VIP) return business; /* who sent it is not asked then */
  return business | bit_of(filter->real, xd_filter_hash(source)) * FROM_REAL;
}

static __always_inline int gate_is_closed(const struct packet *packet) {
  struct xd_gate_key key;
  __builtin_memcpy(key.addr, packet->key.daddr, sizeof(key.addr));
  struct xd_gate *gate = bpf_map_lookup_elem(&xd_gate, &key);
  return gate && !gate->ours;
}

#endif
