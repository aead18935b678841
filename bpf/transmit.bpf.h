/* Sending a frame on: MACs, tags, TTL, and the way out. */
#ifndef XD_BPF_TRANSMIT_BPF_H
#define XD_BPF_TRANSMIT_BPF_H

static __always_inline int tags(__u32 vlans) { return !!vlans + !!(vlans & 0xfff); }

/* Asked before anything is changed: a packet that is passed must reach the stack as it came. */
static __always_inline enum xd_reason may_transmit(const struct packet *packet, const struct xd_hop *hop) {
  if (packet->ip->ttl <= 1) return XD_TTL;
  if (packet->vlans != hop->vlans && tags(packet->vlans) != tags(hop->vlans)) return XD_VLAN;
  return XD_PARSED;
}

static __always_inline void set_vlan(struct vlan_tag *tag, __u32 id) {
  tag->tci = (tag->tci & bpf_htons(0xf000)) | bpf_htons(id & 0xfff);
}

static __always_inline int transmit(struct xdp_md *ctx, struct packet *packet, const struct xd_hop *hop) {
  if (packet->vlans != hop->vlans) {
    struct vlan_tag *tag = (void *)(packet->eth + 1);
    if ((void *)(tag + 2) > packet->data_end) return XDP_ABORTED;
    set_vlan(tag, hop->vlans >> 16);
    if (hop->vlans & 0xfff) set_vlan(tag + 1, hop->vlans);
  }
  /* The sum falls by 0x0100 with the TTL, so the checksum rises by it. */
  __u32 check = packet->ip->check + bpf_htons(0x0100);
  packet->ip->check = check + (check >= 0xffff);
  packet->ip->ttl--;
  __builtin_memcpy(packet->eth, hop, 2 * ETH_ALEN);

  if (hop->ifindex == ctx->ingress_ifindex) return XDP_TX;
  return bpf_redirect_map(&xd_devices, hop->ifindex, XDP_ABORTED);
}

#endif
