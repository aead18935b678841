/* ICMP errors of routers between director and real server: a tunnel's packet was too long for them. They come to the tunnel's source address.
 *
 * The way's MTU is noted in the destination, so the next packet that is too long for it is answered (too_big.bpf.h) and its sender learns it; IPVS
 * tells the client at once. Only an error is believed that quotes a tunnel's packet of a known flow, from our address to the flow's real
 * server. The note lasts as long as the kernel's own of a route, or until the next hop changes.
 */
#ifndef XD_BPF_TUNNEL_ERROR_BPF_H
#define XD_BPF_TUNNEL_ERROR_BPF_H

/* No honest router has less. */
#define MTU_V4_LEAST 552
#define MTU_V6_LEAST 1280

/* Addresses and protocol of an IP header at an offset of the frame, and its length. 0: there is none that tells its ports' place. */
__attribute__((noinline)) __u32 xd_quoted_header(struct xdp_md *ctx, __u32 at, struct xd_flow_key *key) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (!key || at > L4_MASK) return 0;
  struct iphdr *v4 = data + at;
  struct ipv6hdr *v6 = data + at;
  if ((void *)(v4 + 1) > end) return 0;
  if (v4->version == 4) {
    if (v4->ihl != 5 || v4->frag_off & bpf_htons(0x1fff)) return 0;
    key->saddr[0] = key->saddr[1] = key->daddr[0] = key->daddr[1] = 0;
    key->saddr[2] = key->daddr[2] = XD_V4_MAPPED;
    key->saddr[3] = v4->saddr;
    key->daddr[3] = v4->daddr;
    key->proto = v4->protocol;
    return sizeof(*v4);
  }
  if (v4->version != 6 || (void *)(v6 + 1) > end) return 0;
  __builtin_memcpy(key->saddr, &v6->saddr, 16);
  __builtin_memcpy(key->daddr, &v6->daddr, 16);
  key->proto = v6->nexthdr;
  return sizeof(*v6);
}

static __always_inline int is_same_address(const __be32 a[4], const __be32 b[4]) {
  return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

/* 1: it was one, and the MTU is noted. */
__attribute__((noinline)) int xd_tunnel_error(struct xdp_md *ctx, const struct packet *packet) {
  struct xd_flow_key outer = {}, inner = {};
  struct spot spot = {};
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (!packet) return 0;
  struct icmphdr *icmp = data + (packet->l4 & L4_MASK);
  if ((void *)(icmp + 1) > end) return 0;
  if (packet->v6 ? icmp->type != ICMPV6_TOO_BIG : icmp->type != ICMP_DEST_UNREACH || icmp->code != ICMP_FRAG_NEEDED) return 0;
  __u32 mtu = bpf_ntohl(*(__be32 *)icmp->rest), least = MTU_V6_LEAST;
  if (!packet->v6) {
    mtu &= 0xffff;
    least = MTU_V4_LEAST;
  }

  __u32 at = packet->l4 + sizeof(*icmp), header = xd_quoted_header(ctx, at, &outer);
  if (!mtu || !header) return 0;
  at += header;
  if (outer.proto == IPPROTO_GRE) {
    data = (void *)(long)ctx->data;
    struct gre_header *gre = data + (at & L4_MASK);
    if ((void *)(gre + 1) > (void *)(long)ctx->data_end) return 0;
    at += gre->flags & bpf_htons(GRE_CHECKSUM) ? 8 : 4;
  } else if (outer.proto == IPPROTO_UDP) {
    at += sizeof(struct gue_header);
  } else if (outer.proto != IPPROTO_IPIP && outer.proto != IPPROTO_IPV6) {
    return 0;
  }
  header = xd_quoted_header(ctx, at, &inner);
  if (!header) return 0;
  at += header;
  data = (void *)(long)ctx->data;
  __be16 *ports = data + (at & L4_MASK);
  if ((void *)(ports + 2) > (void *)(long)ctx->data_end) return 0;
  inner.sport = ports[0];
  inner.dport = ports[1];

  __u32 place = find(&inner, &spot);
  struct xd_flow *flow = place ? flow_at(place) : 0;
  if (!flow || !(flow->flags & XD_FLOW_TUN)) return 0;
  __u32 index = flow->dest;
  struct xd_dest *dest = bpf_map_lookup_elem(&xd_dests, &index);
  if (!dest || (__u16)dest->generation != flow->generation) return 0;
  if (!is_same_address(dest->addr, outer.daddr) || !is_same_address(dest->source, outer.saddr)) return 0;
  if (mtu < least) mtu = least;
  mtu -= xd_tunnel_overhead(dest->addr, dest->flags);
  if (mtu > dest->mtu) return 1;
  if (!dest->narrowed) dest->way_mtu = dest->mtu;
  dest->mtu = mtu;
  dest->narrowed = jiffies() | 1; /* 0 means never; so it may be a jiffy ahead */
  return 1;
}

#endif
