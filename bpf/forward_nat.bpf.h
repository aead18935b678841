/* NAT: the client's packets get the real server's address and port, the real server's get the virtual ones back.
 *
 * Replies leave the way the client's last packet came in (its MAC, interface and VLAN are in the reply's entry), so they need
 * no route: the router that brought the request takes the answer.
 */
#ifndef XD_BPF_FORWARD_NAT_BPF_H
#define XD_BPF_FORWARD_NAT_BPF_H

static __always_inline void rewrite(struct xdp_md *ctx, struct packet *packet, struct xd_flow *flow, __be32 *addr, __be32 new_addr,
                                    __be16 *port, __be16 new_port) {
  __u64 addresses = change32(*addr, new_addr), ports = change16(*port, new_port);

  if (packet->ip->protocol == IPPROTO_TCP) {
    struct tcphdr *tcp = packet->l4;
    if ((void *)(tcp + 1) > packet->data_end) return; /* parse_transport() has proved it, but the verifier has forgotten */
    tcp->check = checksum_after(ctx, packet, flow, tcp->check, addresses, ports);
  } else {
    struct udphdr *udp = packet->l4;
    __u32 segment = packet->length - sizeof(struct iphdr);
    __u16 check = udp->check;
    if (check) {
      check = checksum_after(ctx, packet, flow, check, addresses, ports);
    } else if (segment <= SUM_MAX) { /* the sender left it out: filled in, as IPVS does */
      __u64 sum = (__u64)pseudo_sum(packet) + xd_segment_sum(ctx, packet->l4 - (void *)packet->eth, segment);
      check = ~fold(sum + addresses + ports);
    }
    if (udp->check || segment <= SUM_MAX) udp->check = check ? check : 0xffff;
  }
  packet->ip->check = update(packet->ip->check, addresses);
  *addr = new_addr;
  *port = new_port;
}

static __always_inline int forward_nat(struct xdp_md *ctx, struct packet *packet, struct xd_flow *flow, const struct xd_hop *hop) {
  struct udphdr *ports = packet->l4;
  rewrite(ctx, packet, flow, &packet->ip->daddr, flow->nat_addr, &ports->dest, flow->nat_port);
  return transmit(ctx, packet, hop);
}

static __always_inline int forward_reply(struct xdp_md *ctx, struct packet *packet, struct xd_flow *flow) {
  struct udphdr *ports = packet->l4;
  rewrite(ctx, packet, flow, &packet->ip->saddr, flow->nat_addr, &ports->source, flow->nat_port);
  return transmit(ctx, packet, &flow->hop);
}

#endif
