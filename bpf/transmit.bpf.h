/* Sending a frame on: MACs, tags, TTL, and the way out. */
#ifndef XD_BPF_TRANSMIT_BPF_H
#define XD_BPF_TRANSMIT_BPF_H

#include <linux/pkt_cls.h>

static __always_inline int tags(__u32 vlans) { return !!vlans + !!(vlans & 0xfff); }

/* Asked before anything is changed: a packet that is passed must reach the stack as it came. */
static __always_inline enum xd_reason may_transmit(const struct packet *packet, const struct xd_hop *hop) {
  if (packet->ttl <= 1) return XD_TTL;
  if (packet->vlans != hop->vlans && tags(packet->vlans) != tags(hop->vlans)) return XD_VLAN;
  return XD_PARSED;
}

static __always_inline void set_vlan(struct vlan_tag *tag, __u32 id) { tag->tci = (tag->tci & bpf_htons(0xf000)) | bpf_htons(id & 0xfff); }

/* In generic mode a frame may be a whole unsegmented burst of 64 KiB (TSO of a veth peer, GRO of a NIC). XDP_TX sends it as it is, a
 * redirect to another device refuses what is longer than that device's MTU. Such frames get a note in front and go up, where
 * xd_long (tc, below) sends them: to the stack's transmit path, which segments them.
 */
#define SHORT_ENOUGH 1280 /* every link carries this */

struct long_note {
  __u32 magic;
  __u32 ifindex;
};
#define LONG_MAGIC 0x78646c6fu

static __always_inline int is_long(struct xdp_md *ctx, const struct packet *packet) {
  __u32 ifindex = ctx->ingress_ifindex;
  struct xd_port *port = bpf_map_lookup_elem(&xd_ports, &ifindex);
  return port && port->flags & XD_PORT_GENERIC && packet->length > port->mtu;
}

static __always_inline int send_long(struct xdp_md *ctx, __u32 ifindex) {
  if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(struct long_note))) return XDP_ABORTED;
  struct long_note *note = (void *)(long)ctx->data_meta;
  if ((void *)(note + 1) > (void *)(long)ctx->data) return XDP_ABORTED;
  note->magic = LONG_MAGIC;
  note->ifindex = ifindex;
  return XDP_PASS;
}

SEC("tc")
int xd_long(struct __sk_buff *skb) {
  struct long_note *note = (void *)(long)skb->data_meta;
  if ((void *)(note + 1) > (void *)(long)skb->data || note->magic != LONG_MAGIC) return TC_ACT_UNSPEC;
  return bpf_redirect(note->ifindex, 0);
}

#define TTL_LOWERED bpf_htons(0xfeff) /* what a header's sum grows by */

static __always_inline void lower_ttl(struct iphdr *ip) {
  /* The sum falls by 0x0100 with the TTL, so the checksum rises by it. */
  __u32 check = ip->check + bpf_htons(0x0100);
  ip->check = check + (check >= 0xffff);
  ip->ttl--;
}

static __always_inline void lower_hops(void *network, int v6) {
  if (v6)
    ((struct ipv6hdr *)network)->hop_limit--;
  else
    lower_ttl(network);
}

/* The IP header, or NULL: which never happens, but the verifier has forgotten what was proved before a call. */
static __always_inline void *network_header(struct xdp_md *ctx, const struct packet *packet) {
  void *end = (void *)(long)ctx->data_end, *network = (void *)(long)ctx->data + (packet->l3 & 0x1f);
  if (network + (packet->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) > end) return 0;
  return network;
}

static __always_inline int lower_network_ttl(struct xdp_md *ctx, const struct packet *packet) {
  void *network = network_header(ctx, packet);
  if (!network) return 0;
  lower_hops(network, packet->v6);
  return 1;
}

static __always_inline void write_macs(struct ethhdr *eth, const struct xd_hop *hop) {
  const __u32 *from = (const void *)hop;
  __u32 *to = (void *)eth; /* clang would copy a packed header byte by byte */
  to[0] = from[0];
  to[1] = from[1];
  to[2] = from[2];
}

/* MACs and tags. There are as many tags as the way out has. */
static __always_inline int write_link(struct xdp_md *ctx, const struct packet *packet, const struct xd_hop *hop) {
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = (void *)(long)ctx->data;
  if ((void *)(eth + 1) > end) return 0;
  write_macs(eth, hop);
  if (packet->vlans != hop->vlans) {
    struct vlan_tag *tag = (void *)(eth + 1);
    if ((void *)(tag + 2) > end) return 0;
    set_vlan(tag, hop->vlans >> 16);
    if (hop->vlans & 0xfff) set_vlan(tag + 1, hop->vlans);
  }
  return 1;
}

/* Out by the hop's interface. */
static __always_inline int leave(struct xdp_md *ctx, const struct packet *packet, const struct xd_hop *hop) {
  if (hop->ifindex == ctx->ingress_ifindex) return XDP_TX;
  if (packet->length > SHORT_ENOUGH && is_long(ctx, packet)) return send_long(ctx, hop->ifindex);
  return bpf_redirect_map(&xd_devices, hop->ifindex, XDP_ABORTED);
}

static __always_inline int transmit(struct xdp_md *ctx, const struct packet *packet, const struct xd_hop *hop) {
  if (!lower_network_ttl(ctx, packet) || !write_link(ctx, packet, hop)) return XDP_ABORTED;
  return leave(ctx, packet, hop);
}

#endif
