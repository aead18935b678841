/* Forgetting flows that have been silent for their state's time. These are iterator programs: the daemon pins them, and reading the pin
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

static __always_inline int silent(const struct xd_flow *flow, __u32 now, __u32 state) {
  __u32 *timeout = bpf_map_lookup_elem(&xd_timeouts, &state);
  __u32 age = now - flow->seen;
  /* Another CPU may have seen a packet after `now` was read. */
  return timeout && age > *timeout && age < 0x80000000u;
}

static __always_inline int sweep_one(struct bpf_iter__bpf_map_elem *ctx, void *table) {
  struct xd_flow_key *found_key = ctx->key;
  if (!found_key || !ctx->value) return 0;
  struct xd_flow_key key = *found_key;
  struct xd_flow *flow = bpf_map_lookup_elem(table, &key);
  if (!flow) return 0;

  __u32 now = jiffies();
  if (flow->flags & XD_FLOW_REPLY) {
    /* Goes with its forward entry; one that has lost it goes by itself. */
    if (!silent(flow, now, XD_STATE_CLOSE)) return 0;
    struct xd_flow_key forward = forward_key(&key, flow);
    if (!find_flow(&forward)) bpf_map_delete_elem(table, &key);
    return 0;
  }
  if (!silent(flow, now, flow->state)) return 0;
  if (flow->method == XD_NAT) {
    struct xd_flow_key back = reply_key(&key, flow);
    struct xd_flow *reply = bpf_map_lookup_elem(table, &back);
    if (reply && !silent(reply, now, flow->state)) return 0;
  }
  forget(table, &key, flow);
  return 0;
}

SEC("iter/bpf_map_elem")
int xd_sweep_flows(struct bpf_iter__bpf_map_elem *ctx) { return sweep_one(ctx, &xd_flows); }

SEC("iter/bpf_map_elem")
int xd_sweep_half(struct bpf_iter__bpf_map_elem *ctx) { return sweep_one(ctx, &xd_half_open); }

/* For the daemon, to learn how long a jiffy is. */
SEC("syscall")
int xd_clock(void *ctx) {
  (void)ctx;
  return jiffies();
}

#endif
