/* Checksums, changed by what changed (RFC 1624), and the trap of partial ones.
 *
 * A packet that was sent on this host, or on the host of this virtual machine, may arrive with CHECKSUM_PARTIAL: its TCP or UDP
 * checksum field holds only the folded sum of the pseudo-header, and whoever puts the packet on a wire is to complete it. So may
 * packets that GRO has merged. That is a note in the skb, which XDP cannot read. What can be seen is that the field equals the
 * pseudo-header's sum, which in one of 65,536 complete packets is chance.
 *
 * - generic mode: the skb keeps its note, so a partial field stays partial: it takes the change of addresses as a plain sum
 *   (no ports: they are not in the pseudo-header). Is it chance? A datagram longer than the interface's MTU was merged or
 *   never cut: partial. A flow whose sender has never sent a complete one: partial. Else the whole segment is summed: if it
 *   verifies, the packet was complete.
 * - native mode: the frame leaves without any note, so a partial field is filled in. The sum of the segment decides. DR looks
 *   for it only where XD_PORT_PARTIAL says that such frames come, since it touches no checksum otherwise; a NIC's are complete.
 */
#ifndef XD_BPF_CHECKSUM_BPF_H
#define XD_BPF_CHECKSUM_BPF_H

#define SUM_CHUNK 16
#define SUM_MAX 9216 /* longest segment that is ever summed: a jumbo frame's */

static __always_inline __u16 fold(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static __always_inline __u64 fold_once(__u64 sum) { return (sum & 0xffff) + (sum >> 16); }

/* The same as fold(), of a few words only: below 2^40. And of what has been folded once, with some half words added. */
static __always_inline __u16 fold_few(__u64 sum) {
  sum = fold_once(fold_once(sum));
  return sum + (sum >> 16);
}
static __always_inline __u16 fold_rest(__u64 sum) {
  sum = fold_once(sum);
  return sum + (sum >> 16);
}

/* What a sum grows by when `from` becomes `to`. */
static __always_inline __u64 change32(__be32 from, __be32 to) { return (__u64)(__u32)~from + to; }
static __always_inline __u64 change16(__be16 from, __be16 to) { return (__u64)(__u16)~from + to; }

/* A complete checksum after its data's sum grew by `change`. */
static __always_inline __u16 update(__u16 check, __u64 change) { return ~fold_few((__u64)(__u16)~check + change); }
/* For a change that several checksums get: folded once, before. */
static __always_inline __u16 update_by_folded(__u16 check, __u64 change) { return ~fold_rest((__u64)(__u16)~check + change); }

static __always_inline __u64 sum_address(const __be32 addr[4]) { return (__u64)addr[0] + addr[1] + addr[2] + addr[3]; }

/* Of a header without options, whose bytes are proved. */
static __always_inline void write_v4_checksum(struct iphdr *ip) {
  const __u32 *word = (const void *)ip;
  ip->check = 0;
  ip->check = ~fold((__u64)word[0] + word[1] + word[2] + word[3] + word[4]);
}

/* From the transport header on. */
static __always_inline __u32 segment_length(const struct packet *packet) { return packet->length - (packet->l4 - packet->l3); }

/* The words that make an IPv4 address v4-mapped add 0xffff, which in these sums is nothing. */
static __always_inline __u16 pseudo_sum(const struct packet *packet) {
  return fold(sum_address(packet->key.saddr) + sum_address(packet->key.daddr) + bpf_htons(packet->key.proto) +
              bpf_htons(segment_length(packet)));
}

static __always_inline __u64 change_address(const __be32 from[4], const __be32 to[4]) {
  return change32(from[0], to[0]) + change32(from[1], to[1]) + change32(from[2], to[2]) + change32(from[3], to[3]);
}

/* Sum of the last bytes of a segment, fewer than a chunk. */
__attribute__((noinline)) __u32 xd_tail_sum(struct xdp_md *ctx, __u32 offset, __u32 length) {
  __u8 *tail = (void *)(long)ctx->data + (offset & 0x3fff);
  void *end = (void *)(long)ctx->data_end;
  __u32 sum = 0;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < SUM_CHUNK; i++) {
    if (i >= length || (void *)(tail + 1) > end) break;
    sum += (__u32)*tail++ << (i & 1) * 8; /* in the order of bytes in memory, on a little-endian machine */
  }
  return sum;
}

#define PIECE 64

/* The same where a part lies in further buffers. */
__attribute__((noinline)) __u32 xd_sum_of_pieces(struct xdp_md *ctx, __u32 offset, __u32 length) {
  __u64 sum = 0;
  __u32 done = 0;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < SUM_MAX / PIECE; i++) {
    __u32 words[PIECE / 4];
    if (done + PIECE > length || bpf_xdp_load_bytes(ctx, offset + done, words, PIECE)) break;
    for (__u32 word = 0; word < PIECE / 4; word++) sum += words[word];
    done += PIECE;
  }
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < PIECE; i++) {
    __u8 byte;
    if (done + i >= length || bpf_xdp_load_bytes(ctx, offset + done + i, &byte, 1)) break;
    sum += (__u32)byte << (i & 1) * 8;
  }
  return fold(sum);
}

/* Folded sum of `length` bytes at `offset` of the frame; what lies beyond SUM_MAX or the frame is left out. Global, so that the
 * verifier walks its loop once and not once for each path that comes here. */
__attribute__((noinline)) __u32 xd_segment_sum(struct xdp_md *ctx, __u32 offset, __u32 length) {
  void *end = (void *)(long)ctx->data_end;
  __u64 sum = 0;

  if (offset > 512 || length > SUM_MAX) return 0;
  if (xd_in_pieces && offset + length > ctx->data_end - ctx->data) return xd_sum_of_pieces(ctx, offset, length);
  __u32 *words = (void *)(long)ctx->data + offset;
#pragma clang loop unroll(disable)
  for (__u32 done = SUM_CHUNK; done <= SUM_MAX; done += SUM_CHUNK) {
    if (done > length || (void *)(words + SUM_CHUNK / 4) > end) break;
    sum += (__u64)words[0] + words[1] + words[2] + words[3];
    words += SUM_CHUNK / 4;
  }
  return fold(sum + xd_tail_sum(ctx, offset + (length & ~(SUM_CHUNK - 1)), length & (SUM_CHUNK - 1)));
}

/* What this packet tells of its sender: XD_FLOW_COMPLETE, XD_FLOW_PARTIAL, or 0 when it may be either and counts as complete. */
static __always_inline __u8 checksum_kind(struct xdp_md *ctx, const struct packet *packet, const struct xd_port *port, __u8 known,
                                          __u16 check) {
  if (check != pseudo_sum(packet)) return XD_FLOW_COMPLETE;
  if (port && port->flags & XD_PORT_GENERIC) {
    if (packet->length > port->mtu) return XD_FLOW_PARTIAL;
    if ((known & (XD_FLOW_PARTIAL | XD_FLOW_COMPLETE)) == XD_FLOW_PARTIAL) return XD_FLOW_PARTIAL;
  }
  __u32 sum = xd_segment_sum(ctx, packet->l4, segment_length(packet));
  return fold((__u64)check + sum) == 0xffff ? 0 : XD_FLOW_PARTIAL;
}

static __always_inline struct xd_port *port_of(struct xdp_md *ctx) {
  __u32 ifindex = ctx->ingress_ifindex;
  return bpf_map_lookup_elem(&xd_ports, &ifindex);
}

/* The checksum field of a TCP or UDP packet; NULL never happens, but the verifier has forgotten what parse_transport() proved. */
static __always_inline __be16 *checksum_field(struct xdp_md *ctx, const struct packet *packet) {
  __u32 at = packet->key.proto == IPPROTO_TCP ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check);
  /* Else clang may ask for the protocol twice, for the bound and for the access, and Linux 6.8 thinks that the answers can differ. */
  barrier_var(at);
  __be16 *check = (void *)(long)ctx->data + (packet->l4 & L4_MASK) + at;
  return (void *)(check + 1) > (void *)(long)ctx->data_end ? 0 : check;
}

/* For packets whose addresses and ports stay: fills in what the sender left to a device that will not see it. */
static __always_inline void complete_checksum(struct xdp_md *ctx, const struct packet *packet) {
  if (!(xd_filter.ports & XD_PORT_PARTIAL) || packet->fragment || packet->key.proto == IPPROTO_SCTP) return;
  __be16 *check = checksum_field(ctx, packet);
  if (!check || *check != pseudo_sum(packet)) return;
  struct xd_port *port = port_of(ctx);
  if (!port || !(port->flags & XD_PORT_PARTIAL)) return;
  __u32 sum = xd_segment_sum(ctx, packet->l4, segment_length(packet));
  if (fold((__u64)pseudo_sum(packet) + sum) == 0xffff) return; /* complete, and alike by chance */
  __u16 filled = ~sum;               /* the field was the pseudo-header's sum, so the sum of the segment with it inside is the whole one */
  *check = filled ? filled : 0xffff; /* both mean zero; UDP takes the first for no checksum */
}

/* checksum_kind() of a new flow, before it has an entry. */
static __always_inline __u8 first_checksum(struct xdp_md *ctx, const struct packet *packet) {
  __be16 *check = checksum_field(ctx, packet);
  if (packet->fragment || packet->key.proto == IPPROTO_SCTP) return 0;
  return check ? checksum_kind(ctx, packet, port_of(ctx), 0, *check) : 0;
}

/* The transport checksum of a packet whose addresses and ports change. */
static __always_inline __u16 checksum_after(struct xdp_md *ctx, const struct packet *packet, struct xd_flow *flow, __u16 check,
                                            __u64 addresses, __u64 ports) {
  if (check != pseudo_sum(packet)) { /* nearly always: no look at the interface */
    if (!(flow->flags & XD_FLOW_COMPLETE)) flow->flags |= XD_FLOW_COMPLETE;
    return update(check, addresses + ports);
  }
  struct xd_port *port = port_of(ctx);
  __u8 kind = checksum_kind(ctx, packet, port, flow->flags, check);
  if (kind != XD_FLOW_PARTIAL) return update(check, addresses + ports);
  flow->flags |= XD_FLOW_PARTIAL;
  if (port && port->flags & XD_PORT_GENERIC) return fold(check + addresses);
  /* The field is the pseudo-header's sum, so the sum of the segment with it inside is the whole one. */
  __u32 sum = xd_segment_sum(ctx, packet->l4, segment_length(packet));
  return update(~sum, addresses + ports);
}

#endif
