/* Every way out of the program is counted under its reason, before the packet is changed. */
#ifndef XD_BPF_COUNT_BPF_H
#define XD_BPF_COUNT_BPF_H

static __always_inline void count_frame(__u32 reason, __u64 bytes) {
  struct xd_counter *counter = bpf_map_lookup_elem(&xd_reasons, &reason);
  if (!counter) return;
  counter->packets++;
  counter->bytes += bytes;
}

static __always_inline void count_reason(struct xdp_md *ctx, __u32 reason) {
  count_frame(reason, frame_length(ctx));
  if (xd_filter.one_in) xd_tell(ctx, reason);
}

/* The end of a packet that is not sent on. */
static __always_inline int verdict(struct xdp_md *ctx, enum xd_reason reason) {
  count_reason(ctx, reason);
  return reason == XD_DEST_REMOVED || reason == XD_TOO_LONG || reason == XD_RATE_LIMIT ? XDP_DROP : XDP_PASS;
}

/* Bytes from the IP header on, as IPVS counts them. */
static __always_inline void count_in_at(const __u32 *dest, __u32 bytes, __u32 connections) {
  struct xd_dest_stats *stats = bpf_map_lookup_elem(&xd_dest_stats, dest);
  if (!stats) return;
  stats->connections += connections;
  stats->packets_in++;
  stats->bytes_in += bytes;
}

static __always_inline void count_in(__u32 dest, __u32 bytes, __u32 connections) { count_in_at(&dest, bytes, connections); }

static __always_inline void count_out(__u32 dest, __u32 bytes) {
  struct xd_dest_stats *stats = bpf_map_lookup_elem(&xd_dest_stats, &dest);
  if (!stats) return;
  stats->packets_out++;
  stats->bytes_out += bytes;
}

#endif
