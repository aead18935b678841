/* BPF_PROG_TEST_RUN with repeat feeds a program its own output again. The rig writes the frame anew before each round, as another
 * flow when asked to, and tail-calls the program under test. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FRAME 64

/* Written by packet_bench.cpp. */
struct {
  __u8 frame[FRAME];
  __u32 flows; /* how many take turns; a power of two */
  __u32 turn;
} wanted;

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} under_test SEC(".maps");

SEC("xdp")
int empty(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_TX;
}

SEC("xdp")
int rig(struct xdp_md* ctx) {
  __u8* data = (void*)(long)ctx->data;
  if (data + FRAME > (__u8*)(long)ctx->data_end) return XDP_ABORTED;
  __builtin_memcpy(data, wanted.frame, FRAME);
  /* Ethernet 14, IPv4 20: source address at 26, source port at 34. An odd factor walks all flows in an order that no cache likes. */
  __u32 flow = wanted.turn++ * 2654435761u & (wanted.flows - 1);
  *(__u16*)(data + 34) += (__u16)flow;
  *(__u16*)(data + 28) += flow >> 16;
  bpf_tail_call(ctx, &under_test, 0);
  return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "GPL";
