/* Connections. A flow begins half-open and is confirmed by the client's second step (the ACK that ends the handshake, a second
 * datagram). NAT has a second entry, for the reply's key; each of the two names the other's place.
 */
#ifndef XD_BPF_FLOW_BPF_H
#define XD_BPF_FLOW_BPF_H

static __always_inline struct xd_hop way_back(struct xdp_md *ctx, const struct packet *packet) {
  struct xd_hop hop = {.ifindex = ctx->ingress_ifindex, .vlans = packet->vlans};
  struct ethhdr *eth = (void *)(long)ctx->data;
  if ((void *)(eth + 1) > (void *)(long)ctx->data_end) return hop;
  __builtin_memcpy(hop.to, eth->h_source, ETH_ALEN);
  __builtin_memcpy(hop.from, eth->h_dest, ETH_ALEN);
  return hop;
}

/* A hash of it, by which a packet tells that it came another way than the one before. */
static __always_inline __u32 hash_way(struct xdp_md *ctx, const struct ethhdr *eth, __u32 vlans) {
  const __u64 *macs = (const void *)eth;
  __u64 rest = (__u64)ctx->ingress_ifindex << 32 | *(const __u32 *)(macs + 1);
  return ((macs[0] ^ vlans) * 0x9E3779B97F4A7C15ull + rest * 0xC2B2AE3D27D4EB4Full) >> 32;
}

static __always_inline int is_way(const struct xd_flow *flow, __u32 way) { return !((flow->way ^ way) & ~XD_FLOW_PACKETS); }

/* The client's router may change in the middle of a flow. */
static __always_inline void keep_way_back(struct xdp_md *ctx, const struct packet *packet, struct xd_flow *flow) {
  struct ethhdr *eth = (void *)(long)ctx->data;
  if ((void *)(eth + 1) > (void *)(long)ctx->data_end) return;
  __u32 way = hash_way(ctx, eth, packet->vlans);
  if (is_way(flow, way)) return;
  flow->way = (way & ~XD_FLOW_PACKETS) | (flow->way & XD_FLOW_PACKETS);
  struct xd_flow *reply = flow_at(flow->peer);
  if (reply && reply->flags & XD_FLOW_REPLY) reply->hop = way_back(ctx, packet);
}

static __always_inline __be16 real_port(const struct xd_dest *dest, __be16 port) { return dest->port ? dest->port : port; }

/* The key of the real server's packets, given the client's. */
static __always_inline void reply_key(const struct xd_flow_key *key, const struct xd_dest *dest, struct xd_flow_key *reply) {
  __builtin_memcpy(reply->saddr, dest->addr, 16);
  __builtin_memcpy(reply->daddr, key->saddr, 16);
  reply->sport = real_port(dest, key->dport);
  reply->dport = key->sport;
  reply->proto = key->proto;
  reply->zero[0] = reply->zero[1] = reply->zero[2] = 0;
}

/* Forgets a flow, by the place of its forward entry, and counts it out. */
__attribute__((noinline)) __u32 xd_forget(__u32 place) {
  struct xd_flow *flow = flow_at(place);
  if (!flow || flow->flags & XD_FLOW_REPLY) return 0;
  __u32 dest = flow->dest, generation = flow->generation, state = flow->state, peer = flow->peer, control = flow->control;
  __u8 flags = flow->flags;
  if (!xd_give_back(place)) return 0;
  if (flags & XD_FLOW_TEMPLATE) return 1;
  if (flags & XD_FLOW_NAT && peer) xd_give_back(peer);
  count_state(dest, generation, state, XD_STATE_NONE);
  if (flags & XD_FLOW_PERSISTENT) {
    struct xd_flow *template = flow_at(control);
    if (template && template->flags & XD_FLOW_TEMPLATE && template->peer) __sync_fetch_and_add(&template->peer, -1);
  }
  return 1;
}

/* A write dirties a line that other CPUs may read; most packets come within the jiffy of the one before. */
static __always_inline void see(struct xd_flow *flow) {
  __u32 now = jiffies();
  if (flow->seen != now) flow->seen = now;
}

/* The same of a client's packet, which counts for drop_entry: once in a jiffy is little less than each one, and costs nothing. */
static __always_inline void see_client_at(struct xd_flow *flow, __u32 now) {
  flow->seen = now;
  if ((flow->way & XD_FLOW_PACKETS) < XD_FLOW_MANY) flow->way++;
}

static __always_inline void see_client(struct xd_flow *flow) {
  __u32 now = jiffies();
  if (flow->seen != now) see_client_at(flow, now);
}

/* A reply of a NAT real server. */
static __always_inline int reply_path(struct xdp_md *ctx, const struct packet *packet, struct xd_flow *reply, __u32 place) {
  enum xd_reason reason = may_transmit(packet, &reply->hop);
  if (reason != XD_PARSED) return verdict(ctx, reason);
  struct xd_flow *flow = flow_at(reply->peer);
  if (!flow || flow->peer != place) return verdict(ctx, XD_NOT_OURS); /* it is being forgotten */
  if (hides_checksum(packet, packet->key.sport, flow->dport)) return verdict(ctx, XD_FRAGMENT);

  see(flow);
  __u32 state = flow->state;
  if (packet->fragment != LATER_FRAGMENT && !is_steady(packet, state)) {
    change_state(flow, state, next_state(packet, state, FROM_SERVER));
    if (state == XD_STATE_UDP) assure(flow); /* UDP has no other sign */
  }
  struct translation to = {.port = flow->dport, .source = 1, .place = place};
  __builtin_memcpy(to.addr, flow->daddr, 16);
  count_out(flow->dest, packet->length);
  count_reason(ctx, XD_REPLY);
  if (xd_translate(ctx, packet, &to)) return XDP_ABORTED;
  return transmit(ctx, packet, &reply->hop);
}

/* Sends a packet of the client on, once its flow is known. */
static __always_inline int send_on(struct xdp_md *ctx, const struct packet *packet, const struct xd_flow *flow, __u32 place,
                                   struct xd_dest *dest, enum xd_reason reason) {
  if (is_too_long(ctx, packet, dest)) return xd_answer(ctx, packet, dest->mtu);
  count_reason(ctx, reason);
  if (flow->flags & XD_FLOW_TUN) return xd_encapsulate(ctx, packet, flow->dest);
  if (flow->flags & XD_FLOW_NAT) {
    struct translation to = {.port = real_port(dest, packet->key.dport), .place = place};
    __builtin_memcpy(to.addr, dest->addr, 16);
    if (xd_translate(ctx, packet, &to)) return XDP_ABORTED;
    return transmit(ctx, packet, &dest->hop);
  }
  return forward_dr(ctx, packet, &dest->hop);
}

#define XD_SCHEDULE_ANEW (-1)

/* A SYN on a flow that has ended: the client uses its port again. Persistent clients go where they went. */
static __always_inline int is_reused(const struct xd_flow *flow, __u32 state, __u32 behaviour) {
  if (flow->flags & XD_FLOW_PERSISTENT || behaviour & XD_REUSE_NEVER) return 0;
  if (state == XD_STATE_FIN_WAIT) return behaviour & XD_REUSE_FIN_WAIT && !(flow->flags & XD_FLOW_NAT);
  return state == XD_STATE_TIME_WAIT || state == XD_STATE_CLOSE || state == XD_STATE_SCTP_CLOSED;
}

/* A packet of a known flow. Verdict, or XD_SCHEDULE_ANEW when the flow is of the past. Global: see parse.bpf.h. */
__attribute__((noinline)) int xd_flow_path(struct xdp_md *ctx, const struct packet *packet, __u32 place) {
  struct xd_bucket *bucket = bucket_at(place);
  struct xd_flow *flow = flow_in(bucket, place);
  if (!packet || !flow) return XDP_ABORTED;
  if (flow->flags & XD_FLOW_REPLY) return reply_path(ctx, packet, flow, place);

  __u32 index = flow->dest, state = flow->state;
  struct xd_dest *dest = bpf_map_lookup_elem(&xd_dests, &index);
  if (!dest) return verdict(ctx, XD_NO_FLOW);
  int past = (__u16)dest->generation != flow->generation;
  if (packet->tcp_flags & TCP_SYN || !(dest->flags & XD_DEST_F_PRESENT)) {
    __u32 behaviour = xd_info.behaviour;
    int expires = behaviour & XD_EXPIRE_NODEST && (!(dest->flags & XD_DEST_F_PRESENT) || !dest->weight);
    if (packet->tcp_flags & TCP_SYN) past = past || expires || is_reused(flow, state, behaviour);
    if (!past && !(dest->flags & XD_DEST_F_PRESENT)) return expires ? XD_SCHEDULE_ANEW : verdict(ctx, XD_DEST_REMOVED);
  }
  if (past) return XD_SCHEDULE_ANEW;
  if (!(dest->flags & XD_DEST_F_RESOLVED)) return verdict(ctx, XD_DEST_UNRESOLVED);
  enum xd_reason reason = may_transmit(packet, &dest->hop);
  if (reason != XD_PARSED) return refuse(ctx, packet, reason);
  if (flow->flags & XD_FLOW_NAT && hides_checksum(packet, flow->dport, real_port(dest, flow->dport))) return verdict(ctx, XD_FRAGMENT);

  see_client(flow);
  if (flow->flags & XD_FLOW_NAT) keep_way_back(ctx, packet, flow);
  if (packet->fragment != LATER_FRAGMENT && !is_steady(packet, state))
    change_state(flow, state, next_state(packet, state, flow->flags & XD_FLOW_NAT ? FROM_CLIENT : CLIENT_ONLY));
  count_in(index, packet->length, 0);
  reason = XD_ESTABLISHED;
  if (is_half_open(bucket, place)) {
    reason = XD_HALF_OPEN;
    if (!(packet->tcp_flags & TCP_SYN) && packet->fragment != LATER_FRAGMENT) {
      confirm(place);
      if (flow->flags & XD_FLOW_NAT && flow->peer) confirm(flow->peer);
    }
  }
  return send_on(ctx, packet, flow, place, dest, reason);
}

#endif
