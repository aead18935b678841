/* Is this packet any business of ours? One look answers for nearly all that are not. */
#ifndef XD_BPF_FILTER_BPF_H
#define XD_BPF_FILTER_BPF_H

/* What an address may be: enum xd_role. */
static __always_inline __u32 roles_of(const __be32 address[4]) { return xd_filter.roles[xd_filter_hash(address)]; }

static __always_inline __u32 roles_of_v4(__be32 address) {
  const __be32 mapped[4] = {0, 0, XD_V4_MAPPED, address};
  return roles_of(mapped);
}

/* Of a packet: who sent it is asked only when it is to no virtual address. */
static __always_inline __u32 roles_of_packet(__u32 destination, __u32 source) { return (destination & ~XD_REAL) | (source & XD_REAL); }

static __always_inline int gate_is_closed(const struct packet *packet) {
  struct xd_gate_key key;
  __builtin_memcpy(key.addr, packet->key.daddr, sizeof(key.addr));
  struct xd_gate *gate = bpf_map_lookup_elem(&xd_gate, &key);
  return gate && !gate->ours;
}

#endif
