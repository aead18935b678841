/* The entry program: what happens to a frame, in order. Each step is told in the header named after it. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/xdirector.h"
/* Order matters below: each header uses only those above it. */
#include "bpf/maps.bpf.h"
#include "bpf/count.bpf.h"
#include "bpf/parse.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/advert.bpf.h"
#include "bpf/checksum.bpf.h"
#include "bpf/transmit.bpf.h"
#include "bpf/forward_dr.bpf.h"
#include "bpf/forward_nat.bpf.h"
#include "bpf/state.bpf.h"
#include "bpf/flow.bpf.h"
#include "bpf/schedule.bpf.h"
#include "bpf/service.bpf.h"
#include "bpf/sweep.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int xd_entry(struct xdp_md *ctx) {
  struct packet packet;

  enum xd_reason reason = parse_ip(ctx, &packet);
  if (reason != XD_PARSED) return verdict(ctx, reason);
  if (packet.ip->protocol == IPPROTO_VRRP) return advert_path(ctx, &packet);

  __u32 business = filter_look(&packet);
  if (!(business & (TO_VIP | FROM_REAL))) return verdict(ctx, XD_NOT_OURS);
  reason = parse_transport(&packet);
  if (reason != XD_PARSED) return verdict(ctx, reason);
  if (business & TO_CLOSED && gate_is_closed(packet.key.daddr)) return verdict(ctx, XD_VIP_NOT_OURS);

  struct xd_flow *flow = bpf_map_lookup_elem(&xd_flows, &packet.key);
  int half_open = !flow;
  if (half_open) flow = bpf_map_lookup_elem(&xd_half_open, &packet.key);
  if (flow) {
    int action = flow_path(ctx, &packet, flow, half_open);
    if (action != XD_SCHEDULE_ANEW) return action;
  }
  if (!(business & TO_VIP)) return verdict(ctx, XD_NOT_OURS);
  return service_path(ctx, &packet);
}
