/* A packet without a flow: is there a service, who serves it, and what is remembered. */
#ifndef XD_BPF_SERVICE_BPF_H
#define XD_BPF_SERVICE_BPF_H

static __always_inline struct xd_service *find_service(const struct packet *packet) {
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
  __u32 place = xd_find(back, spot);
  struct xd_flow *reply = place ? flow_at(place) : 0;
  if (!reply || !(reply->flags & XD_FLOW_REPLY)) return 0;
  struct xd_flow *first = flow_at(reply->peer);
  return first && first->peer == place;
}

/* A place for a key: free, or that of a half-open flow when `push`. */
static __always_inline __u32 take(const struct spot *spot, __u32 taking, int push, __u32 *pushed) {
  __u32 place = xd_take(spot, taking);
  if (place || !push) return place;
  __u32 oldest = xd_oldest_half_open(spot->first);
  if (!oldest || !xd_forget(oldest)) return 0;
  *pushed = 1;
  return xd_take(spot, taking);
}

/* Where a new flow goes. */
struct choice {
  __u32 dest;
  __u32 template; /* of a persistent client: its place */
  __u32 pushed;   /* out of xd_enter(): a half-open flow had to make room */
};

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

/* A persistent client goes to the destination of its template, which is made when there is none. */
__attribute__((noinline)) int xd_persist(const struct packet *packet, const struct xd_service *service, struct choice *out) {
  if (!packet || !service || !out) return 0;
  struct xd_flow_key key;
  struct spot spot = {};
  struct xd_service_key service_key = {.port = packet->key.dport, .proto = packet->key.proto};
  __builtin_memcpy(service_key.addr, packet->key.daddr, 16);
  /* A service of one port has a template for that port, one of all ports a template for all. */
  template_key(packet, service, bpf_map_lookup_elem(&xd_services, &service_key) ? packet->key.dport : 0, &key);

  __u32 place = xd_find(&key, &spot);
  struct xd_flow *template = place ? flow_at(place) : 0;
  struct xd_dest *dest = 0;
  if (template && jiffies() - template->seen <= template->way + 1) dest = dest_at(template->dest);
  struct xd_info *info = read_info();
  if (dest && !dest->weight && info && info->behaviour & XD_EXPIRE_QUIESCENT) dest = 0;
  if (template && dest && dest->flags & XD_DEST_F_PRESENT && (__u16)dest->generation == template->generation) {
    template->seen = jiffies();
    out->dest = template->dest;
    out->template = place;
    return 1;
  }
  if (place) xd_forget(place);

  __u32 index = xd_schedule(packet, service, 1);
  dest = dest_at(index);
  out->dest = index;
  out->template = 0;
  if (!dest) return 0;
  place = take(&spot, 0, 1, &out->pushed);
  template = place ? flow_at(place) : 0;
  if (!template) return 1; /* no room: it is only less persistent */
  write_key(template, &key);
  template->dest = index;
  template->generation = dest->generation;
  template->seen = jiffies();
  template->state = XD_STATE_NONE;
  template->way = service->persistence;
  template->control = 0;
  template->peer = 0;
  template->flags = XD_FLOW_TEMPLATE | (dest->method == XD_NAT ? XD_FLOW_NAT : 0);
  show(place, spot.tag);
  out->template = place;
  return 1;
}

/* Enters a new flow, and for NAT its reply's entry, and counts them. Its place; 0: no room; else -(enum xd_reason) - 1. */
__attribute__((noinline)) int xd_enter(struct xdp_md *ctx, const struct packet *packet, struct choice *to) {
  if (!packet || !to) return 0;
  __u32 index = to->dest;
  struct xd_dest *dest = dest_at(index);
  if (!dest) return -XD_NO_DEST - 1;

  struct xd_flow_key back_key;
  struct spot back_spot = {};
  int nat = dest->method == XD_NAT;
  if (nat) {
    reply_key(&packet->key, dest, &back_key);
    if (reply_is_taken(&back_key, &back_spot)) return -XD_NAT_CLASH - 1;
  }
  /* A first datagram or SYN may be one of a flood: it pushes nobody out, where nothing has to be remembered. */
  int push = nat || !begins(packet);
  __u32 place = take(&packet->spot, push ? TAKE_HALF_OPEN : TAKE_HALF_OPEN | TAKE_MODESTLY, push, &to->pushed), reply = 0, way = 0;
  struct xd_flow *flow = place ? flow_at(place) : 0;
  if (!flow) return 0;
  __u8 flags = (to->template ? XD_FLOW_PERSISTENT : 0) | (dest->method == XD_TUN ? XD_FLOW_TUN : 0);
  if (nat) {
    reply = take(&back_spot, TAKE_HALF_OPEN, 1, &to->pushed);
    struct xd_flow *back = reply ? flow_at(reply) : 0;
    if (!back) {
      write_key(flow, &packet->key);
      show(place, packet->spot.tag);
      xd_give_back(place);
      return -XD_TABLE_FULL - 1;
    }
    write_key(back, &back_key);
    back->hop = way_back(ctx, packet);
    back->peer = place;
    back->flags = XD_FLOW_REPLY | XD_FLOW_NAT;
    back->generation = 0;
    way = hash_hop(&back->hop);
    flags |= XD_FLOW_NAT | first_checksum(ctx, packet);
  }
  __u32 state = next_state(packet, XD_STATE_NONE, nat ? FROM_CLIENT : CLIENT_ONLY);
  /* Counts before the flow is written: an atomic operation waits for all stores before it, and the flow's line may be far away. */
  count_state(index, dest->generation, XD_STATE_NONE, state);
  if (to->template) {
    struct xd_flow *template = flow_at(to->template);
    if (template) __sync_fetch_and_add(&template->peer, 1);
  }
  write_key(flow, &packet->key);
  flow->dest = index;
  flow->seen = jiffies();
  flow->state = state;
  flow->way = way;
  flow->control = to->template;
  flow->peer = reply;
  flow->flags = flags;
  flow->generation = dest->generation;
  show(place, packet->spot.tag);
  if (reply) show(reply, back_spot.tag);
  return place;
}

/* A new flow to a destination. */
static __always_inline int begin_flow(struct xdp_md *ctx, const struct packet *packet, struct choice *to) {
  struct xd_dest *dest = dest_at(to->dest);
  if (!dest) return verdict(ctx, XD_NO_DEST);
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
  struct xd_info *info = read_info();
  if (!slot || !info) return 0;
  __u32 now = jiffies();
  if (now - slot->dest >= info->hz) {
    slot->dest = now;
    slot->cursor = 0;
  }
  return __sync_fetch_and_add(&slot->cursor, 1) >= service->rate_limit;
}

__attribute__((noinline)) int xd_service_path(struct xdp_md *ctx, const struct packet *packet) {
  if (!packet) return XDP_ABORTED;
  struct xd_service *service = find_service(packet);
  if (!service) return verdict(ctx, XD_NO_SERVICE);

  if (service->rate_limit && begins(packet) && is_over_rate(service)) return verdict(ctx, XD_RATE_LIMIT);
  if (service->one_packet && packet->key.proto == IPPROTO_UDP)
    return send_stateless(ctx, packet, xd_schedule(packet, service, 1), XD_NEW_FLOW);
  int by_turn = 1;
  if (!begins(packet)) {
    if (!overflowed_lately()) return verdict(ctx, XD_NO_FLOW);
    by_turn = 0; /* its SYN may have been placed by hash */
  }
  struct choice to = {};
  if (service->persistence && by_turn) {
    if (!xd_persist(packet, service, &to)) return verdict(ctx, XD_NO_DEST);
  } else {
    to.dest = xd_schedule(packet, service, by_turn);
    struct xd_dest *dest = dest_at(to.dest);
    if (!dest || !dest->weight) return verdict(ctx, XD_NO_DEST);
  }
  int action = begin_flow(ctx, packet, &to);
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
