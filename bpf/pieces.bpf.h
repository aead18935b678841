/* Frames in several buffers: jumbo frames in native mode. Headers are in the first one, which data to data_end shows; the rest is sent on as it is,
 * and read only where a checksum needs it.
 *
 * The program is loaded in two kinds: for interfaces whose frames fit into one buffer, and with BPF_F_XDP_HAS_FRAGS (Linux 5.18) for the others. The
 * first kind does not know the helpers below, for the verifier leaves out what a constant says is never done.
 */
#ifndef XD_BPF_PIECES_BPF_H
#define XD_BPF_PIECES_BPF_H

const volatile __u32 xd_in_pieces SEC(".rodata.kind");

static __always_inline __u32 frame_length(struct xdp_md *ctx) {
  return xd_in_pieces ? bpf_xdp_get_buff_len(ctx) : ctx->data_end - ctx->data;
}

#endif
