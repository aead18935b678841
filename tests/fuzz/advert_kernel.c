/* The few things of the kernel that bpf/advert.bpf.h names, so that its judgement runs in a process. Nothing here is ever called
 * but the judgement: maps, events and timers are only there to be compiled. */
#include "advert_kernel.h"

#include <arpa/inet.h>
#include <linux/ip.h>
#include <stdlib.h>
#include <string.h>

#ifndef IPPROTO_VRRP
#define IPPROTO_VRRP 112
#endif
#define BPF_MAP_TYPE_HASH 1
#define SEC(name)
#define __uint(name, value) int name
#define __type(name, type) type* name
#ifndef __always_inline
#define __always_inline inline
#endif
#define bpf_htonl htonl
#define bpf_htons htons
#define bpf_ntohl ntohl
#define bpf_ntohs ntohs

/* Addresses are 64 bits wide here. */
struct xdp_md {
  unsigned long data;
  unsigned long data_end;
  __u32 ingress_ifindex;
};

static int xd_events;

static inline int verdict(struct xdp_md* ctx, int reason) { return reason; }
static inline void* bpf_map_lookup_elem(void* map, const void* key) { return NULL; }
static inline void* bpf_ringbuf_reserve(void* ring, __u64 size, __u64 flags) { return NULL; }
static inline void bpf_ringbuf_submit(void* event, __u64 flags) {}
static inline __u64 bpf_ktime_get_ns(void) { return 0; }
static inline int bpf_timer_init(void* timer, void* map, int clock) { return 0; }
static inline int bpf_timer_set_callback(void* timer, int (*callback)(void*, struct xd_watch_key*, struct xd_watch*)) { return 0; }
static inline int bpf_timer_start(void* timer, __u64 after, __u64 flags) { return 0; }

#include "bpf/advert.bpf.h"

int xd_judge_advert(const unsigned char* packet, size_t size, const struct xd_watch_config* config, unsigned* remarks) {
  struct iphdr* ip = malloc(size); /* of its own, so that one byte read too many is seen */
  if (!ip) abort();
  memcpy(ip, packet, size);

  struct advert advert = {.ip = ip, .vrrp = (void*)(ip + 1), .end = (char*)ip + size, .length = size - sizeof(*ip)};
  struct xdp_md ctx = {.data = (unsigned long)ip, .data_end = (unsigned long)advert.end};
  int multicast = (ntohl(ip->daddr) >> 28) == 0xe;
  int reject = XD_REJECT_TOO_SHORT;
  if (size >= sizeof(*ip) + sizeof(struct vrrp_header)) {
    reject = well_formed(&ctx, &advert, config, multicast);
    if (reject == XD_REJECT_COUNT) reject = acceptable(&advert, config, multicast);
  }
  *remarks = advert.remarks;
  free(ip);
  return reject;
}
