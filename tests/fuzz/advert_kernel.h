/* bpf/advert.bpf.h, compiled for this machine: what the kernel half thinks of one advert. */
#ifndef XD_TESTS_FUZZ_ADVERT_KERNEL_H
#define XD_TESTS_FUZZ_ADVERT_KERNEL_H

#include <stddef.h>

#include "bpf/xdirector.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An IPv4 packet without options, whole. Returns enum xd_reject, XD_REJECT_COUNT when it is believed; *remarks are enum xd_remark. */
int xd_judge_advert(const unsigned char* packet, size_t size, const struct xd_watch_config* config, unsigned* remarks);

#ifdef __cplusplus
}
#endif

#endif
