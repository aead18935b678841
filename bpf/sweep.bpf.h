/* Forgetting flows that have been silent for their state's time. This is an iterator program: the daemon pins it, and reading the pin
 * walks the table inside the kernel, in process context, bucket by bucket. A BPF timer would need no reader, but can only walk
 * a whole table at once in softirq, which for a million flows stalls the packets of that CPU for tens of milliseconds.
 */
#ifndef XD_BPF_SWEEP_BPF_H
#define XD_BPF_SWEEP_BPF_H

/* The part of the kernel's iterator context that is used here; libbpf finds the fields by name. */
struct bpf_map;
struct bpf_iter__bpf_map_elem {
  __bpf_md_ptr(struct bpf_iter_meta *, meta);
  __bpf_md_ptr(struct bpf_map *, map);
  __bpf_md_ptr(void *, key);
  __bpf_md_ptr(void *, value);
} __attribute__((preserve_access_index));

static __always_inline int silent(const struct xd_flow *flow, __u32 now) {
  __u32 state = flow->state, age = now - flow->seen;
  __u32 *timeout = bpf_map_lookup_elem(&xd_timeouts, &state);
  __u32 limit = flow->flags & XD_FLOW_TEMPLATE ? flow->way : timeout ? *timeout : ~0u;
  /* Another CPU may have seen a packet after `now` was read. */
  return age > limit && age < 0x80000000u;
}

/* Replies go with their flow; a template stays as long as connections that it placed. */
__attribute__((noinline)) int xd_sweep_place(__u32 place) {
  struct xd_flow *flow = flow_at(place);
  if (!flow || flow->flags & XD_FLOW_REPLY || !silent(flow, jiffies())) return 0;
  if (flow->flags & XD_FLOW_TEMPLATE && flow->peer) return 0;
  return xd_forget(place);
}

SEC("iter/bpf_map_elem")
int xd_sweep_flows(struct bpf_iter__bpf_map_elem *ctx) {
  __u32 *key = ctx->key;
  if (!key) return 0;
  __u32 index = *key;
  struct xd_bucket *bucket = bpf_map_lookup_elem(&xd_flows, &index);
  if (!bucket) return 0;
#pragma clang loop unroll(disable)
  for (__u32 way = 0; way < XD_WAYS; way++) {
    if (bucket->tag[way] > XD_TAG_BUSY) xd_sweep_place(index << 4 | (way + 1));
  }
  return 0;
}

/* For the daemon, to learn how long a jiffy is. */
SEC("syscall")
int xd_clock(void *ctx) {
  (void)ctx;
  return jiffies();
}

#endif
