/* The way of each packet that may be ours and is not for the quick way. */
#ifndef XD_BPF_LONG_WAY_BPF_H
#define XD_BPF_LONG_WAY_BPF_H

/* The verdict of what has no transport header that we know, XD_PARSED if it has one. */
static __always_inline enum xd_reason parse_rest(struct xdp_md *ctx, struct packet *packet) {
  enum xd_reason reason = XD_PARSED;
  if (packet->version != (packet->v6 ? 6 : 4) || packet->l4 - packet->l3 < sizeof(struct iphdr)) return XD_TRUNCATED;
  if (!packet->v6 && packet->l4 - packet->l3 > sizeof(struct iphdr))
    reason = xd_options(ctx, packet->l3 + sizeof(struct iphdr), packet->l4);
  else if (packet->v6 && is_extension(packet->key.proto))
    reason = xd_extensions(ctx, packet);
  if (reason != XD_PARSED) return reason;
  return packet->fragment ? xd_fragment(ctx, packet) : parse_transport(ctx, packet);
}

static __always_inline int long_way(struct xdp_md *ctx) {
  struct packet *packet = scratch();
  if (!packet) return XDP_ABORTED;
  __u32 roles = packet->roles, ours = roles & (XD_VIP | XD_REAL);
  if (packet->key.proto == IPPROTO_VRRP && !packet->v6) return xd_advert(ctx, packet->l3, packet->vlans);
  /* Else it is ICMP, maybe of a router behind this director, about a packet that we sent on. */
  if (!ours && packet->fragment) return verdict(ctx, XD_NOT_OURS);
  enum xd_reason reason = parse_rest(ctx, packet);
  if (reason != XD_PARSED && reason != XD_ICMP) return verdict(ctx, reason);
  if (roles & XD_CLOSED && gate_is_closed(packet)) return verdict(ctx, XD_VIP_NOT_OURS);
  if (reason == XD_ICMP) {
    if (roles & XD_TUNNEL && xd_tunnel_error(ctx, packet)) return verdict(ctx, XD_TUNNEL_ERROR);
    return xd_icmp_path(ctx, packet, ours ? XD_ICMP : XD_NOT_OURS);
  }
  __u32 place = find(&packet->key, &packet->spot);
  if (place) {
    int action = xd_flow_path(ctx, packet, place);
    if (action != XD_SCHEDULE_ANEW) return action;
  }
  if (!(roles & XD_VIP)) return verdict(ctx, XD_NOT_OURS);
  if (packet->fragment == LATER_FRAGMENT) return verdict(ctx, XD_FRAGMENT);
  return place ? succeed(ctx, packet, place) : xd_service_path(ctx, packet);
}

#endif
