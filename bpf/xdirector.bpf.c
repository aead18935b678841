/* The entry program: what happens to a frame, in order. Each step is told in the header named after it. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/xdirector.h"
/* Order matters below: each header uses only those above it. */
#include "bpf/maps.bpf.h"
#include "bpf/pieces.bpf.h"
#include "bpf/trace.bpf.h"
#include "bpf/count.bpf.h"
#include "bpf/parse.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/advert.bpf.h"
#include "bpf/checksum.bpf.h"
#include "bpf/crc32c.bpf.h"
#include "bpf/table.bpf.h"
#include "bpf/fragment.bpf.h"
#include "bpf/transmit.bpf.h"
#include "bpf/forward_dr.bpf.h"
#include "bpf/forward_nat.bpf.h"
#include "bpf/forward_tun.bpf.h"
#include "bpf/too_big.bpf.h"
#include "bpf/state.bpf.h"
#include "bpf/flow.bpf.h"
#include "bpf/schedule.bpf.h"
#include "bpf/service.bpf.h"
#include "bpf/icmp.bpf.h"
#include "bpf/tunnel_error.bpf.h"
#include "bpf/sweep.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int xd_entry(struct xdp_md *ctx) {
  struct frame frame;
  struct packet packet;
  __u32 business;

  enum xd_reason reason = parse_link(ctx, &frame);
  if (reason != XD_PARSED) return verdict(ctx, reason);
  packet.vlans = frame.vlans;

  if (frame.type == bpf_htons(ETH_P_IP)) {
    struct iphdr *ip = frame.ip;
    if ((void *)(ip + 1) > frame.end) return verdict(ctx, XD_TRUNCATED);
    if (ip->protocol == IPPROTO_VRRP) return xd_advert(ctx, frame.ip - (void *)frame.eth, frame.vlans);
    v4_addresses(&packet, ip);
    const __be32 destination[4] = {0, 0, XD_V4_MAPPED, ip->daddr}, source[4] = {0, 0, XD_V4_MAPPED, ip->saddr};
    business = filter_look(&packet, destination, source);
    if (!(business & (TO_VIP | FROM_REAL)) && ip->protocol != IPPROTO_ICMP) return verdict(ctx, XD_NOT_OURS);
    reason = parse_v4(&frame, ip, &packet);
    if (reason == XD_PARSED && ip->ihl > 5) reason = xd_options(ctx, packet.l3 + sizeof(*ip), packet.l4);
  } else if (frame.type == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr *ip = frame.ip;
    if ((void *)(ip + 1) > frame.end) return verdict(ctx, XD_TRUNCATED);
    v6_addresses(&packet, ip);
    business = filter_look(&packet, packet.key.daddr, packet.key.saddr);
    if (!(business & (TO_VIP | FROM_REAL)) && ip->nexthdr != IPPROTO_ICMPV6) return verdict(ctx, XD_NOT_OURS);
    reason = parse_v6(&frame, ip, &packet);
    if (reason == XD_PARSED && is_extension(packet.key.proto)) reason = xd_extensions(ctx, &packet);
  } else {
    return verdict(ctx, XD_NOT_IP);
  }
  /* Else it is ICMP, maybe of a router behind this director, about a packet that we sent on. */
  __u32 ours = business & (TO_VIP | FROM_REAL);
  if (!ours && packet.fragment) return verdict(ctx, XD_NOT_OURS);
  if (reason == XD_PARSED) reason = packet.fragment ? xd_fragment(ctx, &packet) : parse_transport(ctx, &packet);
  if (reason != XD_PARSED && reason != XD_ICMP) return verdict(ctx, reason);
  if (business & TO_CLOSED && gate_is_closed(&packet)) return verdict(ctx, XD_VIP_NOT_OURS);
  if (reason == XD_ICMP) {
    if (is_tunnel_end(&packet) && xd_tunnel_error(ctx, &packet)) return verdict(ctx, XD_TUNNEL_ERROR);
    return xd_icmp_path(ctx, &packet, ours ? XD_ICMP : XD_NOT_OURS);
  }

  __u32 place = xd_find(&packet.key, &packet.spot);
  if (place) {
    int action = xd_flow_path(ctx, &packet, place);
    if (action != XD_SCHEDULE_ANEW) return action;
  }
  if (!(business & TO_VIP)) return verdict(ctx, XD_NOT_OURS);
  if (packet.fragment == LATER_FRAGMENT) return verdict(ctx, XD_FRAGMENT);
  return place ? succeed(ctx, &packet, place) : xd_service_path(ctx, &packet);
}
