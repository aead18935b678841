/* Tunnels: the packet goes whole into another one, to the real server, which has the virtual address and unwraps. As IPVS does it:
 * the outer header takes TOS with ECN, DF and the lowered TTL of the inner one. IPIP, GUE and GRE, and either family in either.
 *
 * remcsum is IPVS's word for leaving the inner checksum to the far end, which it does only for packets that this host made. Those
 * that come off a wire it sends as with checksum, and so do we.
 */
#ifndef XD_BPF_FORWARD_TUN_BPF_H
#define XD_BPF_FORWARD_TUN_BPF_H

#define TUNNEL_MAX 63 /* mask: 40 + 12 is the most that a tunnel adds */
#define DSCP_ECN(ip6) ((__u8)(bpf_ntohs(*(const __be16 *)(ip6)) >> 4))

struct gre_header {
  __be16 flags;
  __be16 proto;
};
#define GRE_CHECKSUM 0x8000

struct gue_header {
  struct udphdr udp;
  __u8 length; /* of optional fields, in words; version 0 */
  __u8 proto;
  __be16 flags;
};

/* What the inner packet has that the outer one takes. */
struct inner {
  __u8 tos, ttl, df;
};

static __always_inline struct inner inner_of(const void *network, int v6) {
  const struct ipv6hdr *six = network;
  const struct iphdr *four = network;
  if (v6) return (struct inner){DSCP_ECN(six), six->hop_limit, 0};
  return (struct inner){four->tos, four->ttl, !!(four->frag_off & bpf_htons(0x4000))};
}

static __always_inline int read_inner(struct xdp_md *ctx, const struct packet *packet, struct inner *inner) {
  const void *network = network_header(ctx, packet);
  if (!network) return 0;
  *inner = inner_of(network, packet->v6);
  return 1;
}

/* RFC 3168, 9.1.1: congestion that the inner packet has met is not told outside. */
static __always_inline __u8 outer_tos(__u8 tos) { return (tos & 3) == 3 ? tos ^ 1 : tos; }

/* Sum of the inner packet. A header of IPv4 adds up to nothing, and so does a whole segment with its pseudo-header: what is left needs no
 * look at the data. Where the sender left the segment's checksum to a device it is right all the same. */
static __always_inline __u64 inner_sum(struct xdp_md *ctx, const struct packet *packet) {
  __u32 header = packet->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
  __u16 check = 0;
  if (packet->key.proto == IPPROTO_TCP || packet->key.proto == IPPROTO_UDP) {
    __be16 *field = checksum_field(ctx, packet);
    if (field) check = *field;
    if (packet->key.proto == IPPROTO_TCP) check = 1;
  }
  if (!check || packet->fragment || packet->l4 - packet->l3 != header) return xd_segment_sum(ctx, packet->l3, packet->length);
  return (__u64)xd_segment_sum(ctx, packet->l3, header) + (__u16)~pseudo_sum(packet);
}

/* Puts the outer header in front and sends the packet. `flags`: the destination's, as far as the caller does not know better; `sum`: inner_sum(), if
 * they ask for one. Its verdict. */
static __always_inline int wrap(struct xdp_md *ctx, const struct packet *packet, const struct xd_dest *dest, __u32 flags,
                                struct inner inner, __u64 sum) {
  __u32 v6 = flags & XD_DEST_F_V6, header_length = xd_tunnel_header(flags), length = packet->length + header_length;
  __u32 overhead = header_length + (v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
  if (bpf_xdp_adjust_head(ctx, -(int)overhead)) return XDP_ABORTED;

  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  const __u32 *old_tags = data + (overhead & TUNNEL_MAX) + 2 * ETH_ALEN;
  __u32 *tags = data + 2 * ETH_ALEN;
  if ((void *)(old_tags + 2) > end || (void *)(tags + 2) > end) return XDP_ABORTED;
  if (packet->vlans) tags[0] = old_tags[0];
  if (packet->vlans & 0xfff) tags[1] = old_tags[1];
  void *network = data + (packet->l3 & 0x1f);
  __be16 *type = data + ((packet->l3 - 2) & 0x1f);
  if ((void *)(type + 1) > end) return XDP_ABORTED;
  *type = v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);

  __u8 proto = packet->v6 ? IPPROTO_IPV6 : IPPROTO_IPIP, outer = proto;
  void *header = network + (v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
  if (flags & XD_DEST_F_GUE) {
    struct gue_header *gue = header;
    if ((void *)(gue + 1) > end) return XDP_ABORTED;
    outer = IPPROTO_UDP;
    /* The range is Linux's default for ephemeral ports; one flow has one, so that its packets stay in order. */
    gue->udp.source = bpf_htons(32768 + (((__u64)(__u32)xd_flow_hash(&packet->key, 0) * 28231) >> 32));
    gue->udp.dest = dest->tunnel_port;
    gue->udp.len = bpf_htons(length);
    gue->length = 0;
    gue->proto = proto;
    gue->flags = 0;
    __u16 check = 0;
    if (flags & XD_DEST_F_TUNNEL_SUM) {
      sum += sum_address(dest->source) + sum_address(dest->addr) + bpf_htons(IPPROTO_UDP) + gue->udp.source + gue->udp.dest;
      sum += (__u64)gue->udp.len * 2 + bpf_htons(proto);
      check = ~fold(sum);
      if (!check) check = 0xffff;
    }
    gue->udp.check = check;
  } else if (flags & XD_DEST_F_GRE) {
    struct gre_header *gre = header;
    if ((void *)(gre + 1) > end) return XDP_ABORTED;
    outer = IPPROTO_GRE;
    gre->flags = 0;
    gre->proto = packet->v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
    if (flags & XD_DEST_F_TUNNEL_SUM) {
      __be16 *check = (void *)(gre + 1);
      if ((void *)(check + 2) > end) return XDP_ABORTED;
      gre->flags = bpf_htons(GRE_CHECKSUM);
      check[0] = ~fold(sum + gre->flags + gre->proto);
      check[1] = 0;
    }
  }

  if (v6) {
    struct ipv6hdr *ip = network;
    if ((void *)(ip + 1) > end) return XDP_ABORTED;
    *(__be32 *)ip = bpf_htonl(6u << 28 | (__u32)outer_tos(inner.tos) << 20);
    ip->payload_len = bpf_htons(length);
    ip->nexthdr = outer;
    ip->hop_limit = inner.ttl;
    __builtin_memcpy(&ip->saddr, dest->source, 16);
    __builtin_memcpy(&ip->daddr, dest->addr, 16);
  } else {
    struct iphdr *ip = network;
    if ((void *)(ip + 1) > end) return XDP_ABORTED;
    __be32 *word = network; /* written as they are added up, see v4_address() */
    word[0] = bpf_htonl(0x45u << 24 | (__u32)outer_tos(inner.tos) << 16 | (__u16)(length + sizeof(*ip)));
    word[1] = bpf_htonl(inner.df ? 0x4000 : bpf_get_prandom_u32() << 16);
    word[2] = bpf_htonl((__u32)inner.ttl << 24 | (__u32)outer << 16);
    word[3] = dest->source[3];
    word[4] = dest->addr[3];
    ip->check = ~fold_few((__u64)word[0] + word[1] + word[2] + word[3] + word[4]);
  }
  if (!write_link(ctx, packet, &dest->hop)) return XDP_ABORTED;
  return dest->hop.ifindex == ctx->ingress_ifindex ? XDP_TX : bpf_redirect_map(&xd_devices, dest->hop.ifindex, XDP_ABORTED);
}

/* Wraps a packet for a destination and sends it. Its verdict. */
__attribute__((noinline)) int xd_encapsulate(struct xdp_md *ctx, const struct packet *packet, __u32 index) {
  struct xd_dest *dest = bpf_map_lookup_elem(&xd_dests, &index);
  struct inner inner;
  if (!packet || !dest) return XDP_ABORTED;
  if (packet->key.proto == IPPROTO_TCP || packet->key.proto == IPPROTO_UDP) complete_checksum(ctx, packet);
  if (!lower_network_ttl(ctx, packet) || !read_inner(ctx, packet, &inner)) return XDP_ABORTED;
  __u32 flags = dest->flags;
  return wrap(ctx, packet, dest, flags, inner, flags & XD_DEST_F_TUNNEL_SUM ? inner_sum(ctx, packet) : 0);
}

#endif
