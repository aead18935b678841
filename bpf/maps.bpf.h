/* The maps. Sizes given here are the least that works; the daemon sets the real ones before loading. */
#ifndef XD_BPF_MAPS_BPF_H
#define XD_BPF_MAPS_BPF_H

/* Read-mostly tables that the daemon writes through a shared mapping: no system call per entry. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct xd_dest);
} xd_dests SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 65536);
  __type(key, __u32);
  __type(value, struct xd_slot);
} xd_rings SEC(".maps");

/* Maps of one entry are variables: each has a section of its own, of which libbpf makes a map that is named after it, and their addresses stand
 * in the code. */
struct xd_filter xd_filter SEC(".data.xd_filter");
struct xd_info xd_info SEC(".data.xd_info");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, XD_STATE_COUNT);
  __type(key, __u32);
  __type(value, __u32);
} xd_timeouts SEC(".maps");

/* Not preallocated: a replaced value stays intact for the packets that are reading it. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1024);
  __type(key, struct xd_service_key);
  __type(value, struct xd_service);
} xd_services SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct xd_service_index);
} xd_svc_index SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct xd_known_service);
} xd_svc_places SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 16384);
  __type(key, struct xd_gate_key);
  __type(value, struct xd_gate);
} xd_gate SEC(".maps");

/* A hash table inside an array, see table.bpf.h. Mapped, so that a reader walks a million flows without system calls. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 8192);
  __type(key, __u32); /* bucket */
  __type(value, struct xd_bucket);
} xd_flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct xd_fragment_key);
  __type(value, struct xd_fragment);
} xd_fragments SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1024);
  __type(key, __u32); /* ifindex */
  __type(value, struct xd_port);
} xd_ports SEC(".maps");

/* Where bpf_redirect_map may send: ifindex → ifindex. */
struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, __u32);
} xd_devices SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, XD_REASON_COUNT);
  __type(key, __u32); /* enum xd_reason */
  __type(value, struct xd_counter);
} xd_reasons SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1024);
  __type(key, __u32); /* index in xd_dests */
  __type(value, struct xd_dest_stats);
} xd_dest_stats SEC(".maps");

/* Where a packet is described that does not take the quick way: the stack is short. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct packet);
} xd_scratch SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} xd_events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 18);
} xd_samples SEC(".maps");

#endif
