/* The entry program: what happens to a frame, in order. Each step is told in the header named after it. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/xdirector.h"
/* Order matters below: each header uses only those above it. */
#include "bpf/pieces.bpf.h"
#include "bpf/packet.bpf.h"
#include "bpf/maps.bpf.h"
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
#include "bpf/quick.bpf.h"
#include "bpf/long_way.bpf.h"
#include "bpf/sweep.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int xd_entry(struct xdp_md *ctx) {
  int action = xd_quick_way(ctx);
  return action == XD_LONG_WAY ? long_way(ctx) : action;
}
