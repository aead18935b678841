/* A packet without a flow: is there a service, who serves it, and what is remembered. */
#ifndef XD_BPF_SERVICE_BPF_H
#define XD_BPF_SERVICE_BPF_H

#include <linux/errno.h>

static __always_inline struct xd_service *find_service(const struct packet *packet) {
  struct xd_service_key key = {.addr = {0, 0, bpf_htonl(0xffff), packet->key.daddr}, .port = packet->key.dport, .proto = packet->key.proto};
  struct xd_service *service = bpf_map_lookup_elem(&xd_services, &key);
  if (service) return service;
  key.port = 0;
  return bpf_map_lookup_elem(&xd_services, &key);
}

/* Why a destination cannot take this packet, or XD_PARSED. */
static __always_inline enum xd_reason may_serve(const struct packet *packet, const struct xd_dest *dest) {
  if (!(dest->flags & XD_DEST_F_PRESENT) || !dest->weight) return XD_NO_DEST;
  if (dest->flags & XD_DEST_F_LOCAL) return XD_DEST_LOCAL;
  if (!(dest->flags & XD_DEST_F_RESOLVED)) return XD_DEST_UNRESOLVED;
  return may_transmit(packet, &dest->hop);
}

/* Both tables full. DR needs nothing remembered: the hash gives each packet of the flow the same real server for as long as the
 * ring stays. NAT would lose its replies, so the stack may try. */
static __always_inline int stateless(struct xdp_md *ctx, struct packet *packet, const struct xd_service *service) {
  __u32 index = schedule(packet, service, 0);
  struct xd_dest *dest = bpf_map_lookup_elem(&xd_dests, &index);
  if (!dest) return verdict(ctx, XD_NO_DEST);
  enum xd_reason reason = may_serve(packet, dest);
  if (reason != XD_PARSED) return verdict(ctx, reason);
  if (dest->method != XD_DR) return verdict(ctx, XD_TABLE_FULL);
  count_in(index, packet->length, !!(packet->tcp_flags & TCP_SYN));
  count_reason(ctx, XD_STATELESS);
  return forward_dr(ctx, packet, &dest->hop);
}

static __always_inline int service_path(struct xdp_md *ctx, struct packet *packet) {
  struct xd_service *service = find_service(packet);
  if (!service) return verdict(ctx, XD_NO_SERVICE);

  int by_turn = 1;
  if (packet->key.proto == IPPROTO_TCP && !(packet->tcp_flags & TCP_SYN)) {
    if (!overflowed_lately()) return verdict(ctx, XD_NO_FLOW);
    by_turn = 0; /* its SYN may have been placed by hash */
  }
  __u32 index = schedule(packet, service, by_turn);
  struct xd_dest *dest = bpf_map_lookup_elem(&xd_dests, &index);
  if (!dest) return verdict(ctx, XD_NO_DEST);
  enum xd_reason reason = may_serve(packet, dest);
  if (reason != XD_PARSED) return verdict(ctx, reason);

  struct xd_flow flow = {
      .dest = index,
      .generation = dest->generation,
      .seen = jiffies(),
      .method = dest->method,
      .nat_addr = dest->addr[3],
      .nat_port = dest->port ? dest->port : packet->key.dport,
      .hop = way_back(ctx, packet),
  };
  flow.state = next_state(packet, XD_STATE_NONE, flow.method == XD_NAT ? FROM_CLIENT : CLIENT_ONLY);
  if (flow.method == XD_NAT) {
    if (reply_is_taken(&packet->key, &flow)) return verdict(ctx, XD_NAT_CLASH);
    flow.flags = first_checksum(ctx, packet);
  }
  long failed = enter(&xd_half_open, &packet->key, &flow);
  if (failed && failed != -EEXIST) {
    note_overflow();
    return stateless(ctx, packet, service);
  }
  if (!failed) count_state(index, flow.generation, XD_STATE_NONE, flow.state);
  count_in(index, packet->length, 1);
  return send_on(ctx, packet, &flow, dest, XD_NEW_FLOW);
}

#endif
