/* Forgetting flows that have been silent for their state's time. This is an iterator program: the daemon pins it, and reading the pin
 * walks the table inside the kernel, in process context, bucket by bucket. A BPF timer would need no reader, but can only walk
 * a whole table at once in softirq, which for a million flows stalls the packets of that CPU for tens of milliseconds.
 *
 * Nor may the reader walk it all in one call: most kernels let nobody else run, not even a real-time process, before a system call is
 * over. So each XD_SWEEP_PIECE buckets are worth a byte, and a call that asks for one byte ends there.
 */
#ifndef XD_BPF_SWEEP_BPF_H
#define XD_BPF_SWEEP_BPF_H

#define XD_SWEEP_PIECE 64

/* The part of the kernel's iterator context that is used here; libbpf finds the fields by name. */
struct bpf_map;
struct seq_file;
struct bpf_iter_meta {
  __bpf_md_ptr(struct seq_file *, seq);
} __attribute__((preserve_access_index));
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

/* Of idle flows in which the client sent one, two ... eight packets, one in one, two ... eight goes; with more, none. */
#define IDLE_SECONDS 60

static __always_inline int is_idle(const struct xd_flow *flow) {
  __u32 age = jiffies() - flow->seen, packets = flow->way & XD_FLOW_PACKETS;
  if (age < IDLE_SECONDS * xd_info.hz || age >= 0x80000000u || packets >= XD_FLOW_MANY) return 0;
  return packets < 2 || bpf_get_prandom_u32() % packets == 0;
}

/* Whether memory that is short may take this flow, as IPVS's drop_entry does: what is half-open, what is idle, and templates of clients that never
 * established anything. */
static __always_inline int is_dispensable(const struct xd_flow *flow) {
  if (flow->flags & XD_FLOW_TEMPLATE) return flow->state != XD_STATE_ESTABLISHED;
  switch (flow->state) {
    case XD_STATE_SYN_RECV:
    case XD_STATE_SCTP_INIT1:
    case XD_STATE_SCTP_INIT: return 1;
    case XD_STATE_ESTABLISHED:
    case XD_STATE_SCTP_ESTABLISHED:
    case XD_STATE_UDP: return is_idle(flow);
    default: return 0;
  }
}

/* expire_nodest_conn: nothing waits for the return of a removed real server. */
static __always_inline int is_of_nobody(const struct xd_flow *flow) {
  if (!(xd_info.behaviour & XD_EXPIRE_NODEST)) return 0;
  __u32 index = flow->dest;
  struct xd_dest *dest = bpf_map_lookup_elem(&xd_dests, &index);
  return dest && !(dest->flags & XD_DEST_F_PRESENT);
}

/* What is forgotten before its time takes its client's template along, when that never had a connection and has none now. */
static __always_inline int forget_early(__u32 place, const struct xd_flow *flow) {
  __u32 control = flow->flags & XD_FLOW_PERSISTENT ? flow->control : 0;
  if (!xd_forget(place)) return 0;
  struct xd_flow *template = control ? flow_at(control) : 0;
  if (template && template->flags & XD_FLOW_TEMPLATE && !template->peer && template->state != XD_STATE_ESTABLISHED) xd_forget(control);
  return 1;
}

/* Replies go with their flow; a template stays as long as connections that it placed. */
__attribute__((noinline)) int xd_sweep_place(__u32 place, __u32 dropping) {
  struct xd_flow *flow = flow_at(place);
  if (!flow || flow->flags & XD_FLOW_REPLY || (flow->flags & XD_FLOW_TEMPLATE && flow->peer)) return 0;
  if (silent(flow, jiffies())) return xd_forget(place);
  if (is_of_nobody(flow)) return forget_early(place, flow);
  if (!dropping || !is_dispensable(flow) || !forget_early(place, flow)) return 0;
  __u32 reason = XD_DROP_ENTRY;
  struct xd_counter *counter = bpf_map_lookup_elem(&xd_reasons, &reason);
  if (counter) counter->packets++;
  return 1;
}

/* While memory is short, a sweep looks at one bucket in so many for what to forget, as IPVS does each second. */
#define DROPPING_ONE_IN 32

SEC("iter/bpf_map_elem")
int xd_sweep_flows(struct bpf_iter__bpf_map_elem *ctx) {
  __u32 *key = ctx->key;
  if (!key) return 0;
  __u32 index = *key, dropping = xd_info.drop_entry && !(bpf_get_prandom_u32() & (DROPPING_ONE_IN - 1));
  struct xd_bucket *bucket = bpf_map_lookup_elem(&xd_flows, &index);
  if (!bucket) return 0;
#pragma clang loop unroll(disable)
  for (__u32 way = 0; way < XD_WAYS; way++) {
    if (bucket->tag[way] > XD_TAG_BUSY) xd_sweep_place(index << 4 | (way + 1), dropping);
  }
  if (index % XD_SWEEP_PIECE == XD_SWEEP_PIECE - 1) {
    char piece = '.';
    bpf_seq_write(ctx->meta->seq, &piece, 1);
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
