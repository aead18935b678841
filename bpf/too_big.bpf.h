/* Packets that are too long for the way to the real server, or have no hop left: the client is told, from the virtual address, as the
 * stack would for IPVS. Passed to the stack they would come to the director's own ports, which know nothing of the connection and reset it.
 *
 * IPv4 without DF would be split on the way, which XDP cannot do: such a packet is dropped and counted. Neither are bursts that generic
 * mode shows us whole too long: what is on the wire of them is not.
 */
#ifndef XD_BPF_TOO_BIG_BPF_H
#define XD_BPF_TOO_BIG_BPF_H

#define ICMP_V4_LENGTH 576  /* of the whole answer, at most (RFC 1812) */
#define ICMP_V6_LENGTH 1280 /* (RFC 4443) */
#define ICMPV6_TOO_BIG 2
#define ICMPV6_TIME_EXCEEDED 3
#define ICMP_FRAG_NEEDED 4

/* Of both families. linux/icmp.h draws in headers of the host. */
struct icmphdr {
  __u8 type;
  __u8 code;
  __be16 checksum;
  __u8 rest[4];
};
enum icmp_type { ICMP_DEST_UNREACH = 3, ICMP_SOURCE_QUENCH = 4, ICMP_TIME_EXCEEDED = 11 };

/* What a router told of the way is believed for a time, as by the kernel's routes: the way may have become another one. It is asked where it
 * matters, so that nobody has to watch. */
__attribute__((noinline)) int xd_is_narrow(struct xd_dest *dest, __u32 length) {
  if (!dest || !dest->narrowed || jiffies() + 1 - dest->narrowed <= xd_info.mtu_expires) return 1;
  dest->narrowed = 0;
  dest->mtu = dest->way_mtu;
  return length > dest->mtu;
}

static __always_inline int is_too_long(struct xdp_md *ctx, const struct packet *packet, struct xd_dest *dest) {
  return packet->length > dest->mtu && xd_is_narrow(dest, packet->length) && !is_long(ctx, packet);
}

/* Answers a packet that is longer than `mtu`; 0: one with no hop left. Its verdict. */
__attribute__((noinline)) int xd_answer(struct xdp_md *ctx, const struct packet *packet, __u32 mtu) {
  struct inner inner;
  if (!packet || !read_inner(ctx, packet, &inner)) return XDP_ABORTED;
  if (packet->key.proto == IPPROTO_ICMP || packet->key.proto == IPPROTO_ICMPV6) return verdict(ctx, XD_TOO_LONG);
  if (mtu && !packet->v6 && !inner.df) return verdict(ctx, XD_TOO_LONG);
  count_reason(ctx, mtu ? XD_TOO_BIG : XD_EXPIRED);
  if (mtu && !lower_network_ttl(ctx, packet)) return XDP_ABORTED; /* it is quoted as it would have gone on */

  __u32 l3 = packet->l3 & 0x1f, header = packet->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
  __u32 room = (packet->v6 ? ICMP_V6_LENGTH : ICMP_V4_LENGTH) - header - sizeof(struct icmphdr);
  __u32 quote = packet->length < room ? packet->length : room;
  __u64 frame = frame_length(ctx);
  asm volatile("" : "+r"(frame)); /* else clang mixes pointers and numbers in a way that the verifier forbids */
  if (bpf_xdp_adjust_tail(ctx, (int)(l3 + quote) - (int)frame)) return XDP_ABORTED;
  if (bpf_xdp_adjust_head(ctx, -(int)(header + sizeof(struct icmphdr)))) return XDP_ABORTED;

  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  const __u32 *from = data + (header & 0x3f) + sizeof(struct icmphdr);
  __u32 *to = data;
  if ((void *)(from + 6) > end || (void *)(to + 6) > end) return XDP_ABORTED;
  /* The link's header, back to where it came from; 22 bytes are the most that it has. */
  struct ethhdr *eth = data;
  __builtin_memcpy(eth->h_dest, (const void *)from + ETH_ALEN, ETH_ALEN);
  __builtin_memcpy(eth->h_source, from, ETH_ALEN);
  to[3] = from[3];
  if (packet->vlans) to[4] = from[4];
  if (packet->vlans & 0xfff) *(__u16 *)(to + 5) = *(const __u16 *)(from + 5);

  void *network = data + l3;
  struct icmphdr *icmp;
  __u64 sum = 0;
  if (packet->v6) {
    struct ipv6hdr *ip = network;
    icmp = (void *)(ip + 1);
    if ((void *)(icmp + 1) > end) return XDP_ABORTED;
    *(__be32 *)ip = bpf_htonl(6u << 28);
    ip->payload_len = bpf_htons(quote + sizeof(*icmp));
    ip->nexthdr = IPPROTO_ICMPV6;
    ip->hop_limit = 64;
    __builtin_memcpy(&ip->saddr, packet->key.daddr, 16);
    __builtin_memcpy(&ip->daddr, packet->key.saddr, 16);
    sum = sum_address(packet->key.saddr) + sum_address(packet->key.daddr) + ip->payload_len + bpf_htons(IPPROTO_ICMPV6);
    icmp->type = mtu ? ICMPV6_TOO_BIG : ICMPV6_TIME_EXCEEDED;
    icmp->code = 0;
    *(__be32 *)icmp->rest = bpf_htonl(mtu);
  } else {
    struct iphdr *ip = network;
    icmp = (void *)(ip + 1);
    if ((void *)(icmp + 1) > end) return XDP_ABORTED;
    *(__be16 *)ip = bpf_htons(0x4500 | (inner.tos & 0x1e) | 0xc0); /* the sender's TOS, with the precedence of control messages */
    ip->tot_len = bpf_htons(header + sizeof(*icmp) + quote);
    ip->id = bpf_get_prandom_u32();
    ip->frag_off = 0;
    ip->ttl = 64;
    ip->protocol = IPPROTO_ICMP;
    ip->saddr = packet->key.daddr[3];
    ip->daddr = packet->key.saddr[3];
    write_v4_checksum(ip);
    icmp->type = mtu ? ICMP_DEST_UNREACH : ICMP_TIME_EXCEEDED;
    icmp->code = mtu ? ICMP_FRAG_NEEDED : 0;
    *(__be32 *)icmp->rest = bpf_htonl(mtu & 0xffff);
  }
  icmp->checksum = 0;
  sum += xd_segment_sum(ctx, l3 + header, quote + sizeof(*icmp));

  data = (void *)(long)ctx->data; /* proved anew: the verifier has forgotten it over the call */
  icmp = data + l3 + (header & 0x3f);
  if ((void *)(icmp + 1) > (void *)(long)ctx->data_end) return XDP_ABORTED;
  icmp->checksum = ~fold(sum);
  return XDP_TX;
}

/* A client's packet that may not be sent on. */
static __always_inline int refuse(struct xdp_md *ctx, const struct packet *packet, enum xd_reason reason) {
  if (reason == XD_TTL && packet->fragment != LATER_FRAGMENT) return xd_answer(ctx, packet, 0);
  return verdict(ctx, reason);
}

#endif
