/* A packet without a flow: is there a service, who serves it, and what is remembered. */
#ifndef XD_BPF_SERVICE_BPF_H
#define XD_BPF_SERVICE_BPF_H

/* The service of exactly the packet's destination, where the index has it. */
static __always_inline struct xd_service *known_service(const struct packet *packet) {
  __u32 zero = 0;
  struct xd_service_index *index = bpf_map_lookup_elem(&xd_svc_index, &zero);
  if (!index) return 0;
  const struct xd_flow_key *key = &packet->key;
  __u32 place = index->place[xd_service_hash(key->daddr, key->dport, key->proto) & (XD_SERVICE_INDEX_SIZE - 1)];
  struct xd_known_service *known = bpf_map_lookup_elem(&xd_svc_places, &place);
  if (!place || !known) return 0;
  const __u64 *a = (const void *)known->key.addr, *b = (const void *)key->daddr;
  if ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (known->key.port ^ key->dport) | (known->key.proto ^ key->proto)) return 0;
  return &known->service;
}

static __always_inline struct xd_service *find_service(const struct packet *packet) {
  struct xd_service *known = known_service(packet);
  if (known) return known;
  struct xd_service_key key = {.port = packet->key.dport, .proto = packet->key.proto};
  __builtin_memcpy(key.addr, packet->key.daddr, 16);
  struct xd_service *service = bpf_map_lookup_elem(&xd_services, &key);
  if (service) return service;
  key.port = 0;
  return bpf_map_lookup_elem(&xd_services, &key);
}

/* Why a destination cannot take this packet, or XD_PARSED. A template's may have weight 0: it keeps its clients. */
static __always_inline enum xd_reason may_serve(const struct packet *packet, const struct xd_dest *dest) {
  if (!(dest->flags & XD_DEST_F_PRESENT)) return XD_NO_DEST;
  if (dest->flags & XD_DEST_F_LOCAL) return XD_DEST_LOCAL;
  if (!(dest->flags & XD_DEST_F_RESOLVED)) return XD_DEST_UNRESOLVED;
  return may_transmit(packet, &dest->hop);
}

/* Sends a packet on of which nothing is remembered. DR needs nothing: as long as the ring stays, the hash gives each packet of the flow the
 * same real server. NAT would lose its replies, so the stack may try. */
static __always_inline int send_stateless(struct xdp_md *ctx, const struct packet *packet, __u32 index, enum xd_reason reason) {
  struct xd_dest *dest = dest_at(index);
  if (packet->fragment) return verdict(ctx, XD_FRAGMENT); /* the later ones would not find the way */
  if (!dest || !dest->weight) return verdict(ctx, XD_NO_DEST);
  enum xd_reason why = may_serve(packet, dest);
  if (why != XD_PARSED) return refuse(ctx, packet, why);
  if (dest->method == XD_NAT) return verdict(ctx, XD_TABLE_FULL);
  count_in(index, packet->length, begins(packet) ? 1 : 0);
  if (is_too_long(ctx, packet, dest)) return xd_answer(ctx, packet, dest->mtu);
  count_reason(ctx, reason);
  if (dest->method == XD_TUN) return xd_encapsulate(ctx, packet, index);
  return forward_dr(ctx, packet, &dest->hop);
}

/* NAT keeps the client's port. When a client talks to one real server from one port by two virtual addresses, the server's packets could
 * belong to either: the first flow keeps them. */
static __always_inline int reply_is_taken(const struct xd_flow_key *back, struct spot *spot) {
  __u32 place = find(back, spot);
  struct xd_flow *reply = place ? flow_at(place) : 0;
  if (!reply || !(reply->flags & XD_FLOW_REPLY)) return 0;
  struct xd_flow *first = flow_at(reply->peer);
  return first && first->peer == place;
}

/* Where a new flow goes. */
struct choice {
  __u32 dest;
  __u32 template; /* of a persistent client: its place */
  __u32 pushed;   /* a half-open flow had to make room */
};

/* A place for a key: free, or that of a half-open flow. */
__attribute__((noinline)) __u32 xd_push_in(const struct spot *spot, __u32 taking, struct choice *to) {
  if (!spot || !to) return 0;
  __u32 place = take_place(spot, taking);
  if (place) return place;
  __u32 oldest = xd_oldest_half_open(spot->first);
  if (!oldest || !xd_forget(oldest)) return 0;
  to->pushed = 1;
  return take_place(spot, taking);
}

static __always_inline void template_key(const struct packet *packet, const struct xd_service *service, __be16 port,
                                         struct xd_flow_key *key) {
  for (int i = 0; i < 4; i++) key->saddr[i] = packet->key.saddr[i] & service->mask[i];
  key->sport = 0;
  if (service->mark) { /* one for all addresses, ports and protocols, where IPVS has the mark in the address's place */
    key->daddr[0] = packet->v6 ? service->mark : 0;
    key->daddr[1] = 0;
    key->daddr[2] = packet->v6 ? 0 : XD_V4_MAPPED;
    key->daddr[3] = packet->v6 ? 0 : service->mark;
    key->dport = 0;
    key->proto = XD_TEMPLATE_PROTO;
  } else {
    __builtin_memcpy(key->daddr, packet->key.daddr, 16);
    key->dport = port;
    key->proto = packet->key.proto ^ XD_TEMPLATE_PROTO;
  }
  key->zero[0] = key->zero[1] = key->zero[2] = 0;
}

/* A service of one port has a template for that port, one of all ports a template for all. */
static __always_inline void persistence_key(const struct packet *packet, const struct xd_service *service, struct xd_flow_key *key) {
  struct xd_service_key service_key = {.port = packet->key.dport, .proto = packet->key.proto};
  __builtin_memcpy(service_key.addr, packet->key.daddr, 16);
  template_key(packet, service, bpf_map_lookup_elem(&xd_services, &service_key) ? packet->key.dport : 0, key);
}

/* A persistent client goes to the destination of its template. 0: it has none. */
__attribute__((noinline)) int xd_follow_template(const struct packet *packet, const struct xd_service *service, struct choice *out) {
  if (!packet || !service || !out) return 0;
  struct xd_flow_key key;
  struct spot spot = {};
  persistence_key(packet, service, &key);
  __u32 place = find(&key, &spot);
  struct xd_flow *template = place ? flow_at(place) : 0;
  struct xd_dest *dest = 0;
  if (template && jiffies() - template->seen <= template->way + 1) dest = dest_at(template->dest);
  if (dest && !dest->weight && xd_info.behaviour & XD_EXPIRE_QUIESCENT) dest = 0;
  if (template && dest && dest->flags & XD_DEST_F_PRESENT && (__u16)dest->generation == template->generation) {
    template->seen = jiffies();
    out->dest = template->dest;
    out->template = place;
    return 1;
  }
  if (place) xd_forget(place);
  return 0;
}

/* The template of a client that had none. Without room it is only less persistent. */
__attribute__((noinline)) int xd_make_template(const struct packet *packet, const struct xd_service *service, struct choice *to) {
  struct xd_dest *dest = to ? dest_at(to->dest) : 0;
  if (!packet || !service || !dest) return 0;
  struct xd_flow_key key;
  struct spot spot = {};
  persistence_key(packet, service, &key);
  find(&key, &spot); /* for its spot */
  __u32 place = xd_push_in(&spot, 0, to);
  struct xd_flow *template = place ? flow_at(place) : 0;
  if (!template) return 0;
  write_key(template, &key);
  template->dest = to->dest;
  template->generation = dest->generation;
  template->seen = jiffies();
  template->state = XD_STATE_NONE;
  template->way = service->persistence;
  template->control = 0;
  template->peer = 0;
  template->flags = XD_FLOW_TEMPLATE | (dest->method == XD_NAT ? XD_FLOW_NAT : 0);
  show(bucket_at(place), place, spot.tag);
  to->template = place;
  return 0;
}

/* NAT: whether the key of the real server's packets is free; and its spot. */
__attribute__((noinline)) int xd_way_back_is_free(const struct packet *packet, __u32 index, struct spot *spot) {
  struct xd_dest *dest = dest_at(index);
  if (!packet || !dest || !spot) return 0;
  struct xd_flow_key key;
  reply_key(&packet->key, dest, &key);
  return !reply_is_taken(&key, spot);
}

/* NAT: the entry for the real server's packets, in a place that was taken for it. */
__attribute__((noinline)) int xd_write_reply(struct xdp_md *ctx, const struct packet *packet, __u32 index, __u32 place, __u32 peer) {
  struct xd_dest *dest = dest_at(index);
  struct xd_flow *reply = flow_at(place);
  if (!packet || !dest || !reply) return 0;
  struct xd_flow_key key;
  reply_key(&packet->key, dest, &key);
  write_key(reply, &key);
  reply->hop = way_back(ctx, packet);
  reply->peer = peer;
  reply->flags = XD_FLOW_REPLY | XD_FLOW_NAT;
  reply->generation = 0;
  return 0;
}

/* Enters a new flow, and for NAT its reply's entry, and counts them. Its place; 0: no room; else -(enum xd_reason) - 1. */
__attribute__((noinline)) int xd_enter(struct xdp_md *ctx, const struct packet *packet, struct choice *to) {
  struct xd_dest *dest = to ? dest_at(to->dest) : 0;
  if (!packet || !dest) return 0;
  struct spot back = {};
  int nat = dest->method == XD_NAT;
  if (nat && !xd_way_back_is_free(packet, to->dest, &back)) return -XD_NAT_CLASH - 1;
  /* What can be known before a place is taken: taking it waits for the bucket to come from memory, and what follows waits for that. */
  __u32 state = next_state(packet, XD_STATE_NONE, nat ? FROM_CLIENT : CLIENT_ONLY), now = jiffies();
  __u16 generation = dest->generation;
  __u8 flags = (to->template ? XD_FLOW_PERSISTENT : 0) | (dest->method == XD_TUN ? XD_FLOW_TUN : 0);
  /* A first datagram or SYN may be one of a flood: it pushes nobody out, where nothing has to be remembered. */
  __u32 place =
      nat || !begins(packet) ? xd_push_in(&packet->spot, TAKE_HALF_OPEN, to) : take_place(&packet->spot, TAKE_HALF_OPEN | TAKE_MODESTLY);
  struct xd_bucket *bucket = bucket_at(place);
  struct xd_flow *flow = flow_in(bucket, place);
  if (!flow) return 0;
  __u32 reply = 0;
  if (nat) {
    reply = xd_push_in(&back, TAKE_HALF_OPEN, to);
    if (!reply) {
      write_key(flow, &packet->key);
      show(bucket, place, packet->spot.tag);
      xd_give_back(place);
      return -XD_TABLE_FULL - 1;
    }
    xd_write_reply(ctx, packet, to->dest, reply, place);
    flags |= XD_FLOW_NAT | first_checksum(ctx, packet);
  }
  /* Counts before the flow is written: an atomic operation waits for all stores before it, and the flow's line may be far away. */
  move_count(dest, XD_STATE_NONE, state);
  if (to->template) {
    struct xd_flow *template = flow_at(to->template);
    if (template) __sync_fetch_and_add(&template->peer, 1);
    if (template && is_established(state)) template->state = XD_STATE_ESTABLISHED;
  }
  write_key(flow, &packet->key);
  flow->dest = to->dest;
  flow->seen = now;
  flow->state = state;
  flow->way = 1; /* of one packet; the way itself is noted with the next */
  flow->control = to->template;
  flow->peer = reply;
  flow->flags = flags;
  flow->generation = generation;
  show(bucket, place, packet->spot.tag);
  if (reply) show(bucket_at(reply), reply, back.tag);
  return place;
}

/* A new flow to a destination. */
static __always_inline int begin_flow(struct xdp_md *ctx, const struct packet *packet, struct choice *to, struct xd_dest *dest) {
  enum xd_reason reason = may_serve(packet, dest);
  if (reason != XD_PARSED) return refuse(ctx, packet, reason);
  if (dest->method == XD_NAT && hides_checksum(packet, packet->key.dport, real_port(dest, packet->key.dport)))
    return verdict(ctx, XD_FRAGMENT);
  int place = xd_enter(ctx, packet, to);
  if (place < 0) return verdict(ctx, -place - 1);
  struct xd_flow *flow = place ? flow_at(place) : 0;
  if (!flow) return XD_SCHEDULE_ANEW;
  count_in(to->dest, packet->length, 1);
  return send_on(ctx, packet, flow, place, dest, to->pushed ? XD_CROWDED : XD_NEW_FLOW);
}

/* Counts the flow, and tells whether its second has too many. CPUs that begin the second at once may let a few more in. */
static __always_inline int is_over_rate(const struct xd_service *service) {
  struct xd_slot *slot = slot_at(service->list + service->list_len);
  if (!slot) return 0;
  __u32 now = jiffies();
  if (now - slot->dest >= xd_info.hz) {
    slot->dest = now;
    slot->cursor = 0;
  }
  return __sync_fetch_and_add(&slot->cursor, 1) >= service->rate_limit;
}

/* Whether connections may begin in their midst. */
static __always_inline int is_sloppy(const struct packet *packet) {
  if (packet->key.proto == IPPROTO_SCTP) return xd_info.behaviour & XD_SLOPPY_SCTP;
  return xd_info.behaviour & XD_SLOPPY_TCP && !(packet->tcp_flags & TCP_RST);
}

__attribute__((noinline)) int xd_service_path(struct xdp_md *ctx, const struct packet *packet) {
  if (!packet) return XDP_ABORTED;
  struct xd_service *service = find_service(packet);
  if (!service || service->closed) return verdict(ctx, XD_NO_SERVICE);

  if (service->rate_limit && begins(packet) && is_over_rate(service)) return verdict(ctx, XD_RATE_LIMIT);
  if (service->one_packet && packet->key.proto == IPPROTO_UDP)
    return send_stateless(ctx, packet, xd_schedule(packet, service, 1), XD_NEW_FLOW);
  int by_turn = 1;
  if (!begins(packet) && !is_sloppy(packet)) {
    if (!overflowed_lately()) return verdict(ctx, XD_NO_FLOW);
    by_turn = 0; /* its SYN may have been placed by hash */
  }
  struct choice to = {};
  int persists = service->persistence && by_turn, follows = persists && xd_follow_template(packet, service, &to);
  if (!follows) to.dest = by_turn ? schedule(packet, service) : xd_schedule(packet, service, 0);
  struct xd_dest *dest = dest_at(to.dest);
  if (!dest || !(dest->weight || follows)) return verdict(ctx, XD_NO_DEST); /* a template keeps its clients, whatever the weight */
  if (persists && !follows) xd_make_template(packet, service, &to);
  int action = begin_flow(ctx, packet, &to, dest);
  if (action != XD_SCHEDULE_ANEW) return action;
  return send_stateless(ctx, packet, xd_schedule(packet, service, 0), XD_STATELESS);
}

/* A packet that begins a connection in the place of one that has ended. IPVS's timer takes the old one out once the new one has its real server,
 * so the old one still counts when that is chosen. */
static __always_inline int succeed(struct xdp_md *ctx, const struct packet *packet, __u32 place) {
  struct xd_flow *old = flow_at(place);
  if (!old) return XDP_ABORTED;
  __u32 dest = old->dest, generation = old->generation, state = old->state;
  xd_forget(place);
  count_state(dest, generation, XD_STATE_NONE, state);
  int action = xd_service_path(ctx, packet);
  count_state(dest, generation, state, XD_STATE_NONE);
  return action;
}

#endif
