/* Telling sampled packets and their reasons to `xdirector trace`. While nobody traces, it costs each packet one look at a word.
 */
#ifndef XD_BPF_TRACE_BPF_H
#define XD_BPF_TRACE_BPF_H

/* Called before a packet is changed. */
__attribute__((noinline)) int xd_tell(struct xdp_md *ctx, __u32 reason) {
  __u32 one_in = xd_filter.one_in;
  if (!one_in || (one_in > 1 && bpf_get_prandom_u32() % one_in)) return 0;
  struct xd_sample *sample = bpf_ringbuf_reserve(&xd_samples, sizeof(*sample), 0);
  if (!sample) {
    __sync_fetch_and_add(&xd_filter.lost, 1);
    return 0;
  }
  const __u32 *word = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  sample->at = bpf_ktime_get_ns();
  sample->ifindex = ctx->ingress_ifindex;
  sample->length = frame_length(ctx);
  sample->reason = reason;
  __u32 words = 0;
#pragma clang loop unroll(disable)
  for (; words < XD_SAMPLE_HEAD / 4; words++) {
    if ((void *)(word + 1) > end) break;
    ((__u32 *)sample->head)[words] = *word++;
  }
  sample->captured = words * 4;
  bpf_ringbuf_submit(sample, 0);
  return 0;
}

#endif
