/* From the frame's first byte to the transport header. Each step proves its bytes right before it reads them.
 *
 * A frame lives in xd_entry, with pointers; what is known of a packet of ours goes on as a struct packet, with offsets, because the
 * global functions (which the verifier looks at one by one, so that its work is a sum and not a product) take no pointers
 * into the packet. Offsets are masked where they are used, for the same reader.
 */
#ifndef XD_BPF_PARSE_BPF_H
#define XD_BPF_PARSE_BPF_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#ifndef IPPROTO_VRRP
#define IPPROTO_VRRP 112
#endif
#define XD_PARSED XD_REASON_COUNT /* no verdict yet */

enum tcp_flag { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_ACK = 0x10 };

struct frame {
  struct ethhdr *eth;
  void *ip; /* network header: not proved yet */
  void *end;
  __be16 type; /* of what is in it, behind the tags */
  __u32 vlans; /* as in xd_hop */
};

/* SCTP: the common header, and of the first chunk what tells its kind and length. */
struct sctp_header {
  __be16 source;
  __be16 dest;
  __be32 tag;
  __u32 crc; /* CRC32c, in little-endian order */
};
struct sctp_chunk {
  __u8 type;
  __u8 flags;
  __be16 length;
};
enum sctp_type { SCTP_INIT = 1, SCTP_ABORT = 6, SCTP_COOKIE_ECHO = 10, SCTP_COOKIE_ACK = 11 };

struct vlan_tag {
  __be16 tci;
  __be16 type;
};

static __always_inline int is_vlan(__be16 type) { return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD); }

static __always_inline enum xd_reason parse_link(struct xdp_md *ctx, struct frame *frame) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;

  frame->end = end;
  frame->eth = data;
  if ((void *)(frame->eth + 1) > end) return XD_TRUNCATED;
  frame->type = *(const __be16 *)(data + 2 * ETH_ALEN); /* the struct is packed: clang would read it byte by byte */
  frame->ip = frame->eth + 1;
  frame->vlans = 0;
  if (frame->type == bpf_htons(ETH_P_IP) || !is_vlan(frame->type)) return XD_PARSED;

  struct vlan_tag *tag = frame->ip;
  if ((void *)(tag + 1) > end) return XD_TRUNCATED;
  frame->vlans = (bpf_ntohs(tag->tci) & 0xfff) << 16;
  frame->type = tag->type;
  frame->ip = tag + 1;
  if (!is_vlan(frame->type)) return XD_PARSED;

  tag = frame->ip;
  if ((void *)(tag + 1) > end) return XD_TRUNCATED;
  frame->vlans |= bpf_ntohs(tag->tci) & 0xfff;
  frame->type = tag->type;
  frame->ip = tag + 1;
  return XD_PARSED;
}

/* Written in words of eight bytes, as they are read for the hash right after: a processor waits when it has to put together what it reads
 * from several of its last writes. */
static __always_inline void v4_address(__be32 to[4], __be32 address) {
  __u64 *words = (void *)to;
  words[0] = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  words[1] = (__u64)address << 32 | XD_V4_MAPPED;
#else
  words[1] = (__u64)XD_V4_MAPPED << 32 | address;
#endif
}

static __always_inline void v6_address(__be32 to[4], const struct in6_addr *address) {
  const __u64 *from = (const void *)address;
  __u64 *words = (void *)to;
  words[0] = from[0];
  words[1] = from[1];
}

/* What an IP header says without options, and where it stands. All that is not known before the transport header is read is zero. */
static __always_inline void read_whole(const struct frame *frame, int v6, const void *network, struct packet *packet) {
  const struct iphdr *four = network;
  const struct ipv6hdr *six = network;
  *packet = (struct packet){.vlans = frame->vlans, .v6 = v6, .l3 = network - (void *)frame->eth, .version = four->version};
  if (v6) {
    v6_address(packet->key.saddr, &six->saddr);
    v6_address(packet->key.daddr, &six->daddr);
    packet->key.proto = six->nexthdr;
    packet->ttl = six->hop_limit;
    packet->length = bpf_ntohs(six->payload_len) + sizeof(*six);
    packet->l4 = packet->l3 + sizeof(*six);
  } else {
    v4_address(packet->key.saddr, four->saddr);
    v4_address(packet->key.daddr, four->daddr);
    packet->key.proto = four->protocol;
    packet->ttl = four->ttl;
    packet->length = bpf_ntohs(four->tot_len);
    packet->l4 = packet->l3 + sizeof(*four);
  }
}

static __always_inline int is_fragment(const struct iphdr *ip) { return ip->frag_off & bpf_htons(0x3fff); } /* more of them, or an offset */

/* Likewise, with options and of fragments. */
static __always_inline void read_packet(const struct frame *frame, int v6, struct packet *packet) {
  const struct iphdr *ip = frame->ip;
  read_whole(frame, v6, ip, packet);
  if (v6) return;
  packet->l4 = packet->l3 + ip->ihl * 4;
  if (!is_fragment(ip)) return;
  packet->fragment = ip->frag_off & bpf_htons(0x1fff) ? LATER_FRAGMENT : FIRST_FRAGMENT;
  packet->fragment_id = ip->id;
}

struct ipv6_extension {
  __u8 next;
  __u8 length; /* in eight bytes, beyond the first eight */
};

#define EXTENSIONS_MAX 6

static __always_inline int is_extension(__u8 proto) {
  return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS || proto == IPPROTO_FRAGMENT;
}

struct ipv6_fragment {
  __u8 next;
  __u8 zero;
  __be16 offset; /* in its upper 13 bits; the lowest: more fragments follow */
  __be32 id;
};

/* Walks to the transport header behind IPv6 extension headers; in a later fragment, to what stands behind the fragment header. */
__attribute__((noinline)) int xd_extensions(struct xdp_md *ctx, struct packet *packet) {
  if (!packet) return XD_TRUNCATED;
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  __u32 at = packet->l4 & 0x7f;
  __u8 proto = packet->key.proto;

#pragma clang loop unroll(disable)
  for (int i = 0; i < EXTENSIONS_MAX && is_extension(proto); i++) {
    struct ipv6_fragment *extension = data + at; /* all are at least so long */
    if (at > 1024 || (void *)(extension + 1) > end) return XD_TRUNCATED;
    if (proto != IPPROTO_FRAGMENT) {
      proto = extension->next;
      at += 8 + ((struct ipv6_extension *)extension)->length * 8;
      continue;
    }
    proto = extension->next;
    at += sizeof(*extension);
    if (!(extension->offset & bpf_htons(0xfff9))) continue; /* one that is whole (RFC 6946) */
    packet->fragment_id = extension->id;
    packet->fragment = extension->offset & bpf_htons(0xfff8) ? LATER_FRAGMENT : FIRST_FRAGMENT;
    if (packet->fragment == LATER_FRAGMENT) break;
  }
  if (is_extension(proto)) return packet->fragment ? XD_FRAGMENT : XD_PROTOCOL;
  packet->l4 = at;
  packet->key.proto = proto;
  return XD_PARSED;
}

#define IPOPTS_MAX 40

/* IPv4 options that routers write to, or go by, are the stack's: source routes, recorded routes, timestamps, labels (CIPSO). Others are carried
 * along. */
__attribute__((noinline)) int xd_options(struct xdp_md *ctx, __u32 from, __u32 to) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  __u32 at = from;
#pragma clang loop unroll(disable)
  for (int i = 0; i < IPOPTS_MAX && at < to; i++) {
    const __u8 *option = data + (at & 0x7f);
    if ((void *)(option + 2) > end) return XD_TRUNCATED;
    __u8 number = IPOPT_NUMBER(option[0]);
    if (option[0] == 0) break;
    if (number == 3 || number == 4 || number == 6 || number == 7 || number == 9) return XD_IP_OPTIONS;
    if (number != 1 && option[1] < 2) return XD_IP_OPTIONS;
    at += number == 1 ? 1 : option[1];
  }
  return at > to ? XD_IP_OPTIONS : XD_PARSED;
}

#define L4_MASK 0x7ff

/* IPVS goes by the first chunk, and by an ABORT that is bundled behind a cookie. */
static __always_inline enum xd_reason parse_sctp(struct packet *packet, const struct sctp_header *sctp, void *data, void *end) {
  const struct sctp_chunk *chunk = (const void *)(sctp + 1);
  if ((void *)(chunk + 1) > end) return XD_TRUNCATED;
  packet->chunk = chunk->type;
  if (chunk->type == SCTP_INIT) packet->tcp_flags = TCP_SYN;
  if (chunk->type != SCTP_COOKIE_ECHO && chunk->type != SCTP_COOKIE_ACK) return XD_PARSED;
  __u32 length = bpf_ntohs(chunk->length), at = packet->l4 + sizeof(*sctp) + ((length + 3) & ~3u);
  if (length < sizeof(*chunk) || at + sizeof(*chunk) > packet->l3 + packet->length || at > 1024) return XD_PARSED;
  chunk = data + at;
  if ((void *)(chunk + 1) <= end && chunk->type == SCTP_ABORT) packet->chunk = SCTP_ABORT;
  return XD_PARSED;
}

/* Whether a packet may begin a connection: a segment or chunk in the midst of one may not, nor may a reset, even with SYN. */
static __always_inline int begins(const struct packet *packet) {
  return packet->key.proto == IPPROTO_UDP || (packet->tcp_flags & (TCP_SYN | TCP_RST)) == TCP_SYN;
}

static __always_inline __u8 flags_of(const struct tcphdr *tcp) { return ((const __u8 *)tcp)[13]; }

static __always_inline void read_ports(struct packet *packet, const void *transport) {
  *(__u32 *)&packet->key.sport = *(const __u32 *)transport; /* both: clang would read them byte by byte */
}

/* Ports and flags. `length` was the header's word: is it all there? */
static __always_inline enum xd_reason parse_transport(struct xdp_md *ctx, struct packet *packet) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct tcphdr *tcp = data + (packet->l4 & L4_MASK);
  __u32 header = packet->key.proto == IPPROTO_TCP    ? sizeof(struct tcphdr)
                 : packet->key.proto == IPPROTO_SCTP ? sizeof(struct sctp_header) + sizeof(struct sctp_chunk)
                                                     : sizeof(struct udphdr);

  if (packet->l3 + packet->length > frame_length(ctx)) return XD_TRUNCATED;
  if (packet->key.proto != IPPROTO_TCP && packet->key.proto != IPPROTO_UDP && packet->key.proto != IPPROTO_SCTP) {
    return packet->key.proto == (packet->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) ? XD_ICMP : XD_PROTOCOL;
  }
  if (packet->l4 + header > packet->l3 + packet->length || (void *)tcp + sizeof(struct udphdr) > end) return XD_TRUNCATED;
  read_ports(packet, tcp);
  if (packet->key.proto == IPPROTO_TCP) {
    if ((void *)(tcp + 1) > end) return XD_TRUNCATED;
    packet->tcp_flags = flags_of(tcp);
  }
  return packet->key.proto == IPPROTO_SCTP ? parse_sctp(packet, (void *)tcp, data, end) : XD_PARSED;
}

#endif
