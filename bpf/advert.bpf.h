/* VRRP adverts. */
#ifndef XD_BPF_ADVERT_BPF_H
#define XD_BPF_ADVERT_BPF_H

static __always_inline int advert_path(struct xdp_md *ctx, struct packet *packet) {
  (void)packet;
  return verdict(ctx, XD_ADVERT);
}

#endif
