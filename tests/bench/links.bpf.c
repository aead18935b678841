/* Both ends of the path that link_bench.cpp measures: packets are made and counted here, and take as few instructions as they can. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* Written and read by link_bench.cpp. */
struct {
  __u64 arrived;
  __u64 frame[8];
  __u32 flows; /* how many take turns; a power of two */
  __u32 turn;
} wanted;

static void update(__u16* check, __u16 old, __u16 value) {
  __u32 sum = (__u16) ~*check + (__u16)~old + value;
  sum = (sum & 0xffff) + (sum >> 16);
  *check = ~(sum + (sum >> 16));
}

/* Run with live frames: XDP_TX sends them by the interface that they are said to have come in by. Ethernet 14, IPv4 20: its checksum at 24,
 * the source's address at 26 and port at 34, TCP's checksum at 50. UDP goes without. */
SEC("xdp")
int make(struct xdp_md* ctx) {
  void* data = (void*)(long)ctx->data;
  if (data + sizeof(wanted.frame) > (void*)(long)ctx->data_end) return XDP_ABORTED;
  __builtin_memcpy(data, wanted.frame, sizeof(wanted.frame));
  __u32 flow = wanted.turn++ & (wanted.flows - 1);
  __u16 *address = data + 28, *port = data + 34;
  __u16 new_address = *address + (flow >> 16), new_port = *port + flow;
  update(data + 24, *address, new_address);
  if (*(__u8*)(data + 23) == 6) {
    update(data + 50, *address, new_address);
    update(data + 50, *port, new_port);
  }
  *address = new_address;
  *port = new_port;
  return XDP_TX;
}

/* What the virtual addresses (192.0.2.0/24) say themselves, a reset for instance, has not arrived at a real server. */
SEC("xdp")
int count(struct xdp_md* ctx) {
  __u8* data = (void*)(long)ctx->data;
  if (data + 27 > (__u8*)(long)ctx->data_end) return XDP_DROP;
  wanted.arrived += data[26] != 192;
  return XDP_DROP;
}

SEC("xdp")
int drop(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_DROP;
}

SEC("xdp")
int back(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
SEC("xdp")
int pass(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_PASS;
}
