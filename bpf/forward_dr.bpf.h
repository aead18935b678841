/* Direct routing: the real server has the virtual address on its loopback, so only the MACs change (and the TTL, as in IPVS). */
#ifndef XD_BPF_FORWARD_DR_BPF_H
#define XD_BPF_FORWARD_DR_BPF_H

static __always_inline int forward_dr(struct xdp_md *ctx, const struct packet *packet, const struct xd_hop *hop) {
  complete_checksum(ctx, packet);
  return transmit(ctx, packet, hop);
}

#endif
