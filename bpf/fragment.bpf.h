/* Fragments. Only the first has ports: it leaves them in xd_fragments, under what all fragments of its datagram have in common, and
 * the later ones find them there and follow the flow. Nothing is put together: each goes on as it came.
 *
 * A later fragment that comes before the first cannot be placed. It goes to the stack, and so does all else of that datagram: the stack puts
 * it together, and IPVS may serve it.
 */
#ifndef XD_BPF_FRAGMENT_BPF_H
#define XD_BPF_FRAGMENT_BPF_H

#define FRAGMENTS_SECONDS 30 /* as long as the stack waits for the rest */

/* XD_PARSED once the ports are known, else why not. */
__attribute__((noinline)) int xd_fragment(struct xdp_md *ctx, struct packet *packet) {
  if (!packet) return XD_FRAGMENT;
  struct xd_fragment_key key = {.id = packet->fragment_id, .proto = packet->key.proto};
  __builtin_memcpy(key.saddr, packet->key.saddr, 16);
  __builtin_memcpy(key.daddr, packet->key.daddr, 16);
  struct xd_fragment *known = bpf_map_lookup_elem(&xd_fragments, &key);
  __u32 now = jiffies();
  __s32 age = known ? now - known->seen : 0; /* negative: another CPU has seen one in the tick after `now` */
  if (age > (__s32)(FRAGMENTS_SECONDS * xd_info.hz)) known = 0;
  struct xd_fragment entry = {.seen = now};

  if (packet->fragment == FIRST_FRAGMENT) {
    enum xd_reason reason = parse_transport(ctx, packet);
    if (reason == XD_TRUNCATED) return reason;
    /* The id may have come round: a first fragment is only the stack's when the rest has just gone there. */
    if (reason != XD_PARSED || (known && !known->placed && age <= (__s32)xd_info.hz)) return XD_FRAGMENT;
    entry.placed = 1;
    entry.sport = packet->key.sport;
    entry.dport = packet->key.dport;
    bpf_map_update_elem(&xd_fragments, &key, &entry, BPF_ANY);
    return XD_PARSED;
  }
  if (packet->l3 + packet->length > frame_length(ctx)) return XD_TRUNCATED;
  if (!known || !known->placed) {
    bpf_map_update_elem(&xd_fragments, &key, &entry, BPF_ANY);
    return XD_FRAGMENT;
  }
  packet->key.sport = known->sport;
  packet->key.dport = known->dport;
  packet->key.zero[0] = packet->key.zero[1] = packet->key.zero[2] = 0;
  packet->tcp_flags = 0;
  return XD_PARSED;
}

#endif
