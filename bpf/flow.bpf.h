/* Connections. A flow begins in xd_half_open and moves to xd_flows with the client's second step (the ACK that ends the handshake, a
 * second datagram): a flood of first packets fills the small table only. NAT has a second entry, for the reply's key.
 */
#ifndef XD_BPF_FLOW_BPF_H
#define XD_BPF_FLOW_BPF_H

static __always_inline __u32 jiffies(void) { return (__u32)bpf_jiffies64(); }

/* The key of the real server's packets, given the flow's own. */
static __always_inline struct xd_flow_key reply_key(const struct xd_flow_key *key, const struct xd_flow *flow) {
  struct xd_flow_key reply = {
      .saddr = flow->nat_addr, .daddr = key->saddr, .sport = flow->nat_port, .dport = key->sport, .proto = key->proto};
  return reply;
}

/* The key of the client's packets, given the reply's. It has the same shape. */
static __always_inline struct xd_flow_key forward_key(const struct xd_flow_key *reply, const struct xd_flow *flow) {
  struct xd_flow_key key = {
      .saddr = reply->daddr, .daddr = flow->nat_addr, .sport = reply->dport, .dport = flow->nat_port, .proto = reply->proto};
  return key;
}

static __always_inline struct xd_flow *find_flow(const struct xd_flow_key *key) {
  struct xd_flow *flow = bpf_map_lookup_elem(&xd_flows, key);
  return flow ? flow : bpf_map_lookup_elem(&xd_half_open, key);
}

static __always_inline void note_overflow(void) {
  __u32 zero = 0;
  struct xd_info *info = bpf_map_lookup_elem(&xd_info, &zero);
  if (info) info->overflow = jiffies() | 1; /* 0 means never */
}

/* Within a minute of a full table, segments of unknown flows may belong to one that found no place. */
static __always_inline int overflowed_lately(void) {
  __u32 zero = 0;
  struct xd_info *info = bpf_map_lookup_elem(&xd_info, &zero);
  /* The stamp may be a jiffy ahead, for its lowest bit is always set. */
  return info && info->overflow && jiffies() + 1 - info->overflow < 60 * info->hz;
}

static __always_inline struct xd_hop way_back(struct xdp_md *ctx, const struct packet *packet) {
  struct xd_hop hop = {.ifindex = ctx->ingress_ifindex, .vlans = packet->vlans};
  __builtin_memcpy(hop.to, packet->eth->h_source, ETH_ALEN);
  __builtin_memcpy(hop.from, packet->eth->h_dest, ETH_ALEN);
  return hop;
}

/* Word by word: clang turns memcmp of 20 bytes into a call, which BPF has not. */
static __always_inline int same_hop(const struct xd_hop *a, const struct xd_hop *b) {
  const __u32 *x = (const void *)a, *y = (const void *)b;
  return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] && x[4] == y[4];
}

/* The client's router may change in the middle of a flow. */
static __always_inline void keep_way_back(struct xdp_md *ctx, const struct packet *packet, struct xd_flow *flow) {
  struct xd_hop now = way_back(ctx, packet);
  if (same_hop(&now, &flow->hop)) return;
  flow->hop = now;
  struct xd_flow_key key = reply_key(&packet->key, flow);
  struct xd_flow *reply = find_flow(&key);
  if (reply) reply->hop = now;
}

static __always_inline void forget(void *table, const struct xd_flow_key *key, struct xd_flow *flow) {
  if (flow->method == XD_NAT) {
    struct xd_flow_key reply = reply_key(key, flow);
    bpf_map_delete_elem(table, &reply);
  }
  change_state(flow, flow->state, XD_STATE_NONE);
  bpf_map_delete_elem(table, key);
}

/* NAT keeps the client's port. When a client talks to one real server from one port by two virtual addresses, the server's packets could
 * belong to either: the first flow keeps them. */
static __always_inline int reply_is_taken(const struct xd_flow_key *key, const struct xd_flow *flow) {
  struct xd_flow_key back = reply_key(key, flow);
  struct xd_flow *reply = find_flow(&back);
  if (!reply || !(reply->flags & XD_FLOW_REPLY)) return 0;
  struct xd_flow_key first = forward_key(&back, reply);
  return (first.daddr != key->daddr || first.dport != key->dport) && find_flow(&first);
}

/* Puts a flow and, for NAT, its reply's entry into a table. 0, or -EEXIST, -E2BIG, -ENOMEM. */
static __always_inline long enter(void *table, const struct xd_flow_key *key, const struct xd_flow *flow) {
  long failed = bpf_map_update_elem(table, key, flow, BPF_NOEXIST);
  if (failed || flow->method != XD_NAT) return failed;

  struct xd_flow_key back = reply_key(key, flow);
  struct xd_flow reply = *flow;
  reply.flags = XD_FLOW_REPLY;
  reply.nat_addr = key->daddr;
  reply.nat_port = key->dport;
  failed = bpf_map_update_elem(table, &back, &reply, BPF_ANY);
  if (failed) bpf_map_delete_elem(table, key);
  return failed;
}

static __always_inline void promote(const struct packet *packet, struct xd_flow *half_open) {
  struct xd_flow flow = *half_open;
  if (enter(&xd_flows, &packet->key, &flow)) {
    note_overflow(); /* it stays where it is, and works */
    return;
  }
  if (flow.method == XD_NAT) {
    struct xd_flow_key reply = reply_key(&packet->key, &flow);
    bpf_map_delete_elem(&xd_half_open, &reply);
  }
  bpf_map_delete_elem(&xd_half_open, &packet->key);
}

/* A write dirties a line that other CPUs may read; most packets come within the jiffy of the one before. */
static __always_inline void see(struct xd_flow *flow) {
  __u32 now = jiffies();
  if (flow->seen != now) flow->seen = now;
}

/* A reply of a NAT real server. The state lives in the forward entry; only SYN, FIN and RST can change it from this side. */
static __always_inline int reply_path(struct xdp_md *ctx, struct packet *packet, struct xd_flow *flow) {
  enum xd_reason reason = may_transmit(packet, &flow->hop);
  if (reason != XD_PARSED) return verdict(ctx, reason);

  see(flow);
  if (packet->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)) {
    struct xd_flow_key key = forward_key(&packet->key, flow);
    struct xd_flow *forward = find_flow(&key);
    if (forward) {
      __u32 state = forward->state;
      change_state(forward, state, next_state(packet, state, FROM_SERVER));
    }
  }
  count_out(flow->dest, packet->length);
  count_reason(ctx, XD_REPLY);
  return forward_reply(ctx, packet, flow);
}

/* Sends a packet of the client on, once its flow is known. */
static __always_inline int send_on(struct xdp_md *ctx, struct packet *packet, struct xd_flow *flow, const struct xd_dest *dest,
                                   enum xd_reason reason) {
  count_reason(ctx, reason);
  if (flow->method == XD_DR) return forward_dr(ctx, packet, &dest->hop);
  return forward_nat(ctx, packet, flow, &dest->hop);
}

#define XD_SCHEDULE_ANEW (-1)

/* A packet of a known flow. Verdict, or XD_SCHEDULE_ANEW when the flow is of the past and has been forgotten. */
static __always_inline int flow_path(struct xdp_md *ctx, struct packet *packet, struct xd_flow *flow, int half_open) {
  if (flow->flags & XD_FLOW_REPLY) return reply_path(ctx, packet, flow);

  __u32 index = flow->dest, state = flow->state;
  struct xd_dest *dest = bpf_map_lookup_elem(&xd_dests, &index);
  if (!dest) return verdict(ctx, XD_NO_FLOW);
  if (dest->generation != flow->generation || (packet->tcp_flags & TCP_SYN && (state == XD_STATE_TIME_WAIT || state == XD_STATE_CLOSE))) {
    if (half_open)
      forget(&xd_half_open, &packet->key, flow);
    else
      forget(&xd_flows, &packet->key, flow);
    return XD_SCHEDULE_ANEW;
  }
  if (!(dest->flags & XD_DEST_F_PRESENT)) return verdict(ctx, XD_DEST_REMOVED);
  if (!(dest->flags & XD_DEST_F_RESOLVED)) return verdict(ctx, XD_DEST_UNRESOLVED);
  enum xd_reason reason = may_transmit(packet, &dest->hop);
  if (reason != XD_PARSED) return verdict(ctx, reason);

  see(flow);
  if (flow->method == XD_NAT) keep_way_back(ctx, packet, flow);
  change_state(flow, state, next_state(packet, state, flow->method == XD_NAT ? FROM_CLIENT : CLIENT_ONLY));
  count_in(index, packet->length, 0);
  int action = send_on(ctx, packet, flow, dest, half_open ? XD_HALF_OPEN : XD_ESTABLISHED);
  /* After, because sending notes things in the flow. */
  if (half_open && !(packet->tcp_flags & TCP_SYN)) promote(packet, flow);
  return action;
}

#endif
