/* ICMP errors about packets of a known flow. They quote the packet that met the error: an error from the client's side quotes a reply and
 * is for the real server, one from a NAT real server, or a router before it, quotes the client's packet as that server saw it and is for the client. The
 * quoted key turned round is one that the flow table knows. NAT changes addresses and port outside and in the quotation.
 *
 * All else of ICMP, such as an echo to a virtual address, is the stack's.
 */
#ifndef XD_BPF_ICMP_BPF_H
#define XD_BPF_ICMP_BPF_H

static __always_inline int is_error(const struct packet *packet, __u8 type) {
  if (packet->v6) return type < 128;
  return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_TIME_EXCEEDED;
}

/* The key of the other direction of the packet that an error quotes. 0: it quotes none that we could know. */
static __always_inline int quoted_key(struct xdp_md *ctx, const struct packet *packet, struct xd_flow_key *key) {
  void *end = (void *)(long)ctx->data_end;
  struct icmphdr *icmp = (void *)(long)ctx->data + (packet->l4 & L4_MASK);
  struct udphdr *ports;

  if ((void *)(icmp + 1) > end || !is_error(packet, icmp->type)) return 0;
  if (packet->v6) {
    struct ipv6hdr *quoted = (void *)(icmp + 1);
    ports = (void *)(quoted + 1);
    if ((void *)ports + 4 > end) return 0;
    __builtin_memcpy(key->saddr, &quoted->daddr, 16);
    __builtin_memcpy(key->daddr, &quoted->saddr, 16);
    key->proto = quoted->nexthdr;
  } else {
    struct iphdr *quoted = (void *)(icmp + 1);
    ports = (void *)(quoted + 1);
    if ((void *)ports + 4 > end || quoted->ihl != 5 || quoted->frag_off & bpf_htons(0x1fff)) return 0;
    key->saddr[0] = key->saddr[1] = key->daddr[0] = key->daddr[1] = 0;
    key->saddr[2] = key->daddr[2] = bpf_htonl(0xffff);
    key->saddr[3] = quoted->daddr;
    key->daddr[3] = quoted->saddr;
    key->proto = quoted->protocol;
  }
  key->sport = ports->dest;
  key->dport = ports->source;
  key->zero[0] = key->zero[1] = key->zero[2] = 0;
  return key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP || key->proto == IPPROTO_SCTP;
}

/* Writes `to` over the source (`to->source`) or destination outside, and over the other one in the quotation. */
__attribute__((noinline)) int xd_translate_error(struct xdp_md *ctx, const struct packet *packet, const struct translation *to) {
  if (!packet || !to) return 1;
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct icmphdr *icmp = data + (packet->l4 & L4_MASK);
  if ((void *)(icmp + 1) > end) return 1;
  __u64 outside = change_address(to->source ? packet->key.saddr : packet->key.daddr, to->addr);
  struct udphdr *ports;
  __u64 change = 0;

  if (packet->v6) {
    struct ipv6hdr *ip = data + (packet->l3 & 0x1f), *quoted = (void *)(icmp + 1);
    ports = (void *)(quoted + 1);
    if ((void *)(ip + 1) > end || (void *)ports + 4 > end) return 1;
    __be32 *inside = to->source ? quoted->daddr.in6_u.u6_addr32 : quoted->saddr.in6_u.u6_addr32;
    change = outside + change_address(inside, to->addr); /* the pseudo-header counts too */
    __builtin_memcpy(inside, to->addr, 16);
    __builtin_memcpy(to->source ? &ip->saddr : &ip->daddr, to->addr, 16);
  } else {
    struct iphdr *ip = data + (packet->l3 & 0x1f), *quoted = (void *)(icmp + 1);
    ports = (void *)(quoted + 1);
    if ((void *)(ip + 1) > end || (void *)ports + 4 > end) return 1;
    ip->check = update(ip->check, outside);
    /* The quoted header and its checksum change by the same, so the ICMP checksum sees nothing of it. */
    if (to->source) {
      ip->saddr = to->addr[3];
      quoted->check = update(quoted->check, change32(quoted->daddr, to->addr[3]));
      quoted->daddr = to->addr[3];
    } else {
      ip->daddr = to->addr[3];
      quoted->check = update(quoted->check, change32(quoted->saddr, to->addr[3]));
      quoted->saddr = to->addr[3];
    }
  }
  __be16 *port = to->source ? &ports->dest : &ports->source;
  change += change16(*port, to->port);
  *port = to->port;
  icmp->checksum = update(icmp->checksum, change);
  return 0;
}

/* `otherwise`: what it is when it is no such error. */
__attribute__((noinline)) int xd_icmp_path(struct xdp_md *ctx, const struct packet *packet, __u32 otherwise) {
  struct xd_flow_key key;
  struct spot spot = {};
  if (!packet) return XDP_ABORTED;
  if (!quoted_key(ctx, packet, &key)) return verdict(ctx, otherwise);
  __u32 place = find(&key, &spot);
  struct xd_flow *found = place ? flow_at(place) : 0, *flow = found;
  if (!found) return verdict(ctx, otherwise);
  int reply = found->flags & XD_FLOW_REPLY;
  if (reply) flow = flow_at(found->peer);
  if (!flow || (reply && flow->peer != place)) return verdict(ctx, otherwise);

  __u32 index = flow->dest;
  struct xd_dest *dest = dest_at(index);
  if (!dest || (__u16)dest->generation != flow->generation) return verdict(ctx, otherwise);
  if (!reply && !(dest->flags & XD_DEST_F_PRESENT)) return verdict(ctx, XD_DEST_REMOVED);
  if (!reply && !(dest->flags & XD_DEST_F_RESOLVED)) return verdict(ctx, XD_DEST_UNRESOLVED);
  const struct xd_hop *hop = reply ? &found->hop : &dest->hop;
  enum xd_reason reason = may_transmit(packet, hop);
  if (reason != XD_PARSED) return verdict(ctx, reason);

  if (reply)
    count_out(index, packet->length);
  else
    count_in(index, packet->length, 0);
  count_reason(ctx, XD_ICMP_ERROR);
  if (flow->flags & XD_FLOW_NAT) {
    struct translation to = {.port = reply ? flow->dport : real_port(dest, flow->dport), .source = !!reply};
    __builtin_memcpy(to.addr, reply ? flow->daddr : dest->addr, 16);
    if (xd_translate_error(ctx, packet, &to)) return XDP_ABORTED;
  } else if (flow->flags & XD_FLOW_TUN) {
    return xd_encapsulate(ctx, packet, index);
  }
  return transmit(ctx, packet, hop);
}

#endif
