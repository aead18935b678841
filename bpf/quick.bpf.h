/* The quick way of nearly every packet: TCP or UDP, whole, without options; of a flow that is established, to a real server that is there and whose
 * way is known. Nothing is decided here. Each condition says "nothing special", and a packet that does not meet one goes the long
 * way (long_way.bpf.h), where the rules are; what is done to a packet is done by the same pieces.
 *
 * All of it is one function, in four kinds by family and transport, and a packet's fields are read where they are needed, and again after a call: to keep one
 * costs as much. For the same reason the long way begins anew: a value that might be handed on would have to be kept all along.
 */
#ifndef XD_BPF_QUICK_BPF_H
#define XD_BPF_QUICK_BPF_H

#define XD_LONG_WAY (-2)

static __always_inline struct packet *scratch(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&xd_scratch, &zero);
}

/* Reads what a frame's headers say; `proto`: 0, or that of the transport header, which follows at once. Anew: what was read before is not kept. */
static __always_inline void look_again(struct frame *frame, int v6, __u8 proto, struct packet *packet) {
  asm volatile("" : "+r"(frame->ip));
  read_whole(frame, v6, frame->ip, packet);
  if (!proto) return;
  packet->key.proto = proto;
  read_ports(packet, frame->ip + (v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)));
}

static __always_inline int take_long_way(struct frame *frame, int v6, __u32 roles) {
  struct packet *packet = scratch();
  if (!packet) return XDP_ABORTED;
  asm volatile("" : "+r"(frame->ip));
  read_packet(frame, v6, packet);
  packet->roles = roles;
  return XD_LONG_WAY;
}

/* The flow of a packet, if its client has confirmed it. */
static __always_inline struct xd_flow *find_confirmed(struct frame *frame, int v6, __u8 proto) {
  struct packet packet;
  look_again(frame, v6, proto, &packet);
  struct spot spot = spot_of(&packet.key);
  struct xd_bucket *bucket = bpf_map_lookup_elem(&xd_flows, &spot.first);
  if (!bucket) return 0;
  __u64 line;
  struct xd_flow *flow = favourite(bucket, spot.tag, &line);
  look_again(frame, v6, proto, &packet);
  if (!is_of(flow, &packet.key) || bucket->tag[line] != spot.tag) {
    struct packet *memory = scratch();
    if (!memory) return 0;
    look_again(frame, v6, proto, &packet);
    memory->key = packet.key;
    memory->spot = spot;
    __u32 place = xd_find_at(&memory->key, &memory->spot);
    bucket = bucket_at(place);
    flow = flow_in(bucket, place);
    line = way_of(place);
    if (!place || !flow) return 0;
  }
  return bucket->marks & MARKS_HALF_OPEN && bucket->marks >> line & 1 ? 0 : flow;
}

/* A flow's packet that is sent on is counted. */
static __always_inline void count_established(struct xdp_md *ctx, struct frame *frame, int v6, const __u32 *dest) {
  struct packet packet;
  look_again(frame, v6, 0, &packet);
  count_in_at(dest, packet.length, 0);
  __u64 bytes = (void *)(long)ctx->data_end - (void *)(long)ctx->data; /* all: behind a whole datagram further buffers have but padding */
  asm volatile("" : "+r"(bytes));                                      /* else clang keeps halves of the pointers */
  count_frame(XD_ESTABLISHED, bytes);
}

static __always_inline int quick_dr(struct xdp_md *ctx, struct frame *frame, int v6, const struct xd_dest *dest) {
  struct packet packet;
  lower_hops(frame->ip, v6);
  write_macs(frame->eth, &dest->hop);
  look_again(frame, v6, 0, &packet);
  return leave(ctx, &packet, &dest->hop);
}

static __always_inline int quick_tun(struct xdp_md *ctx, struct frame *frame, int v6, const struct xd_dest *dest) {
  struct packet packet;
  lower_hops(frame->ip, v6);
  look_again(frame, v6, 0, &packet);
  return wrap(ctx, &packet, dest, 0, inner_of(frame->ip, v6), 0);
}

static __always_inline __be16 *checksum_of(void *transport, __u8 proto) {
  return proto == IPPROTO_TCP ? &((struct tcphdr *)transport)->check : &((struct udphdr *)transport)->check;
}

static __always_inline int quick_nat(struct xdp_md *ctx, struct frame *frame, int v6, __u8 proto, const struct xd_dest *dest) {
  struct packet packet;
  look_again(frame, v6, proto, &packet);
  void *transport = frame->ip + (v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
  struct translation to = {.port = real_port(dest, packet.key.dport)};
  __builtin_memcpy(to.addr, dest->addr, 16);
  __u64 addresses = fold_once(v6 ? change_address(packet.key.daddr, to.addr) : change32(packet.key.daddr[3], to.addr[3]));
  __be16 *check = checksum_of(transport, proto);
  *check = not_absent(proto, update_by_folded(*check, addresses + change16(packet.key.dport, to.port)));
  write_port(transport, &to);
  write_address(frame->ip, v6, &to, addresses + TTL_LOWERED);
  if (v6)
    lower_hops(frame->ip, v6);
  else
    ((struct iphdr *)frame->ip)->ttl--;
  write_macs(frame->eth, &dest->hop);
  look_again(frame, v6, 0, &packet);
  return leave(ctx, &packet, &dest->hop);
}

/* A packet whose IP header is proved and has no options. */
static __always_inline int quick_way(struct xdp_md *ctx, struct frame *frame, int v6, __u8 proto, __u32 roles) {
  struct packet packet;
  __u32 header = v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
  __u32 transport = proto == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);

  look_again(frame, v6, 0, &packet);
  void *l4 = frame->ip + header;
  if (packet.length > frame->end - frame->ip || packet.length < header + transport || l4 + transport > frame->end) goto long_way;
  if (packet.ttl <= 1 || (!v6 && is_fragment(frame->ip))) goto long_way;
  packet.key.proto = proto;
  packet.tcp_flags = proto == IPPROTO_TCP ? flags_of(l4) : 0;
  if (proto == IPPROTO_TCP && !is_steady(&packet, XD_STATE_ESTABLISHED)) goto long_way;

  struct xd_flow *flow = find_confirmed(frame, v6, proto);
  if (!flow || flow->state != (proto == IPPROTO_TCP ? XD_STATE_ESTABLISHED : XD_STATE_UDP)) goto long_way;
  __u32 index = flow->dest; /* of a reply nonsense, which is seen below */
  struct xd_dest *dest = bpf_map_lookup_elem(&xd_dests, &index);
  look_again(frame, v6, 0, &packet);
  if (!dest) goto long_way;
  const struct xd_dest *to = dest;
  asm volatile("" : "+r"(to)); /* else clang fetches it from the stack for each question */
  if ((__u16)to->generation != flow->generation || packet.vlans != to->hop.vlans || packet.length > to->mtu) goto long_way;
  if ((to->flags & (XD_DEST_F_PRESENT | XD_DEST_F_RESOLVED)) != (XD_DEST_F_PRESENT | XD_DEST_F_RESOLVED)) goto long_way;
  __u32 now = jiffies(), method = flow->flags & (XD_FLOW_REPLY | XD_FLOW_NAT | XD_FLOW_TUN);
  if (!method) {
    if (flow->seen != now) see_client_at(flow, now);
    count_established(ctx, frame, v6, &index);
    return quick_dr(ctx, frame, v6, dest);
  }
  if (method == XD_FLOW_NAT) {
    if (xd_filter.ports || (proto == IPPROTO_UDP && !*checksum_of(frame->ip + header, proto))) goto long_way;
    if (flow->seen != now) { /* once in a tick: where its client's packets come from is for its replies */
      if (!is_way(flow, hash_way(ctx, frame->eth, frame->vlans))) goto long_way;
      see_client_at(flow, now);
    }
    count_established(ctx, frame, v6, &index);
    return quick_nat(ctx, frame, v6, proto, dest);
  }
  if (method == XD_FLOW_TUN && !(dest->flags & (XD_DEST_F_GUE | XD_DEST_F_GRE | XD_DEST_F_V6))) {
    if (flow->seen != now) see_client_at(flow, now);
    count_established(ctx, frame, v6, &index);
    return quick_tun(ctx, frame, v6, dest);
  }

long_way:
  return take_long_way(frame, v6, roles);
}

static __always_inline int quick_ways(struct xdp_md *ctx, struct frame *frame, int v6, __u8 proto, __u32 roles) {
  if (!(xd_filter.one_in | (xd_filter.ports & XD_PORT_PARTIAL) | (roles & XD_CLOSED))) {
    if (proto == IPPROTO_TCP) return quick_way(ctx, frame, v6, IPPROTO_TCP, roles);
    if (proto == IPPROTO_UDP) return quick_way(ctx, frame, v6, IPPROTO_UDP, roles);
  }
  return take_long_way(frame, v6, roles);
}

/* A packet's verdict, or XD_LONG_WAY. */
__attribute__((noinline)) int xd_quick_way(struct xdp_md *ctx) {
  struct frame frame;
  enum xd_reason reason = parse_link(ctx, &frame);
  if (reason != XD_PARSED) return verdict(ctx, reason);
  if (frame.type == bpf_htons(ETH_P_IP)) {
    struct iphdr *ip = frame.ip;
    if ((void *)(ip + 1) > frame.end) return verdict(ctx, XD_TRUNCATED);
    __u32 roles = roles_of_v4(ip->daddr);
    if (!(roles & XD_VIP)) {
      roles = roles_of_packet(roles, roles_of_v4(ip->saddr));
      if (ip->protocol == IPPROTO_VRRP) return xd_advert(ctx, frame.ip - (void *)frame.eth, frame.vlans);
      return roles & XD_REAL || ip->protocol == IPPROTO_ICMP ? take_long_way(&frame, 0, roles) : verdict(ctx, XD_NOT_OURS);
    }
    /* version 4, no options */
    return *(__u8 *)ip == 0x45 ? quick_ways(ctx, &frame, 0, ip->protocol, roles) : take_long_way(&frame, 0, roles);
  }
  if (frame.type == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr *ip = frame.ip;
    if ((void *)(ip + 1) > frame.end) return verdict(ctx, XD_TRUNCATED);
    __u32 roles = roles_of(ip->daddr.in6_u.u6_addr32);
    if (!(roles & XD_VIP)) {
      roles = roles_of_packet(roles, roles_of(ip->saddr.in6_u.u6_addr32));
      return roles & XD_REAL || ip->nexthdr == IPPROTO_ICMPV6 ? take_long_way(&frame, 1, roles) : verdict(ctx, XD_NOT_OURS);
    }
    return ip->version == 6 ? quick_ways(ctx, &frame, 1, ip->nexthdr, roles) : take_long_way(&frame, 1, roles);
  }
  return verdict(ctx, XD_NOT_IP);
}

#endif
