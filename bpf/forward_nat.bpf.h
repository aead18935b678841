/* NAT: the client's packets get the real server's address and port, the real server's get the virtual ones back.
 *
 * Replies leave the way the client's last packet came in (its MAC, interface and VLAN are in the reply's entry), so they need
 * no route: the router that brought the request takes the answer.
 */
#ifndef XD_BPF_FORWARD_NAT_BPF_H
#define XD_BPF_FORWARD_NAT_BPF_H

/* What a packet gets. */
struct translation {
  __be32 addr[4];
  __be16 port;
  __u8 source; /* 1: they are the source's, 0: the destination's */
  __u8 zero;
  __u32 place; /* of the flow's entry for this direction, which remembers what its sender does about checksums */
};

/* A fragment cannot tell the length of its datagram, which an SCTP packet's new checksum needs. */
static __always_inline int hides_checksum(const struct packet *packet, __be16 port, __be16 new_port) {
  return packet->fragment == FIRST_FRAGMENT && packet->key.proto == IPPROTO_SCTP && port != new_port;
}

/* SCTP's port. A checksum of 0 is one that the sender left to the device. */
static __always_inline int translate_sctp(struct xdp_md *ctx, const struct packet *packet, const struct translation *to) {
  struct sctp_header *sctp = (void *)(long)ctx->data + (packet->l4 & L4_MASK);
  if ((void *)(sctp + 1) > (void *)(long)ctx->data_end) return 0;
  if ((to->source ? sctp->source : sctp->dest) == to->port) return 1;
  __u32 ports = *(__u32 *)sctp;
  if (to->source)
    sctp->source = to->port;
  else
    sctp->dest = to->port;
  if (sctp->crc) sctp->crc = crc32c_after(sctp->crc, ports, *(__u32 *)sctp, segment_length(packet));
  return 1;
}

/* TCP's and UDP's, which stand in the same place. */
static __always_inline void write_port(struct udphdr *ports, const struct translation *to) {
  if (to->source)
    ports->source = to->port;
  else
    ports->dest = to->port;
}

/* `change`: by how much the addresses' sum grows, folded once. */
static __always_inline void write_address(void *network, int v6, const struct translation *to, __u64 change) {
  if (v6) {
    struct ipv6hdr *ip = network;
    __builtin_memcpy(to->source ? &ip->saddr : &ip->daddr, to->addr, 16);
    return;
  }
  struct iphdr *ip = network;
  ip->check = update_by_folded(ip->check, change);
  if (to->source)
    ip->saddr = to->addr[3];
  else
    ip->daddr = to->addr[3];
}

/* UDP has its zero for "none". */
static __always_inline __u16 not_absent(__u8 proto, __u16 check) { return proto == IPPROTO_UDP && !check ? 0xffff : check; }

/* Rewrites addresses, ports and checksums. 0, or 1 when the frame is not as it was when it was parsed. */
__attribute__((noinline)) int xd_translate(struct xdp_md *ctx, const struct packet *packet, const struct translation *to) {
  if (!packet || !to) return 1;
  struct xd_flow *flow = flow_at(to->place);
  if (!flow) return 1;
  const __be32 *old = to->source ? packet->key.saddr : packet->key.daddr;
  __be16 old_port = to->source ? packet->key.sport : packet->key.dport;
  __u64 addresses = fold_once(change_address(old, to->addr)), ports = change16(old_port, to->port);

  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (packet->key.proto == IPPROTO_SCTP) {
    if (packet->fragment != LATER_FRAGMENT && !translate_sctp(ctx, packet, to)) return 1;
  } else if (packet->fragment != LATER_FRAGMENT) {
    __be16 *field = checksum_field(ctx, packet);
    if (!field) return 1;
    __u16 check = *field;
    if (packet->fragment) { /* the sum is that of the whole datagram */
      if (packet->key.proto == IPPROTO_TCP || check) {
        check = not_absent(packet->key.proto, update(check, addresses + ports));
      }
    } else if (packet->key.proto == IPPROTO_TCP || check) {
      check = not_absent(packet->key.proto, checksum_after(ctx, packet, flow, check, addresses, ports));
    } else if (segment_length(packet) <= SUM_MAX) { /* the sender left it out: filled in, as IPVS does */
      __u64 sum = (__u64)pseudo_sum(packet) + xd_segment_sum(ctx, packet->l4, segment_length(packet));
      check = not_absent(IPPROTO_UDP, ~fold(sum + addresses + ports));
    }
    *field = check;

    struct udphdr *udp = data + (packet->l4 & L4_MASK);
    if ((void *)(udp + 1) > end) return 1;
    write_port(udp, to);
  }

  void *network = network_header(ctx, packet);
  if (!network) return 1;
  write_address(network, packet->v6, to, addresses);
  return 0;
}

#endif
