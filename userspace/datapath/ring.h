// The rings of the deterministic schedulers, built so that reading them slot by slot serves what kernel IPVS would serve. Pure.
//
// Sources: net/netfilter/ipvs/ip_vs_rr.c, ip_vs_wrr.c, ip_vs_sh.c, ip_vs_dh.c, ip_vs_mh.c of Linux 6.1, and observation. IPVS keeps a service's
// destinations newest first, and every order below is that one.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ip.h"
#include "base/lvs.h"
#include "base/result.h"

namespace xd::datapath {

inline constexpr std::uint32_t mh_table_size = 4'093;  // CONFIG_IP_VS_MH_TAB_INDEX 12
inline constexpr std::uint32_t sh_table_size = 256;
inline constexpr std::uint32_t longest_ring = 1'048'576;  // wrr takes the sum of the weights, divided by their greatest common divisor

struct Candidate {
  std::uint32_t dest = 0;  // what goes into the slots
  IpAddress address;
  std::uint16_t port = 0;  // host order
  std::uint32_t weight = 1;
  std::uint32_t last_weight = 1;  // the last one that was not 0; mh's table goes by it
  bool operator==(const Candidate&) const = default;
};

// `cursor` is what the kernel half counts up; the next flow goes to slots[cursor % size]. `start` is where it stood when the ring
// was built: it tells whether anything has been served.
struct Ring {
  std::vector<std::uint32_t> slots;  // indexes in xd_dests, or XD_NOBODY
  std::uint32_t cursor = 0;
  std::uint32_t start = 0;
};

// What is being replaced, with its cursor as it stands now.
struct Previous {
  std::vector<Candidate> candidates;
  Ring ring;
  bool same_scheduler = true;
};

// The ring of a service. rr goes on behind the destination it served last; wrr begins its current round again, as IPVS does when
// destinations change. `previous` may be null. `v4_service` matters where that has real servers of IPv6. Fails when weights make the ring longer than longest_ring. Schedulers
// that walk the list of destinations have an empty ring.
Result<Ring> build_ring(lvs::Scheduler scheduler, const std::vector<Candidate>& newest_first, const Previous* previous,
                        bool v4_service = true);

// mh's hash of a word, as the kernel half computes it too (schedule.bpf.h).
std::uint32_t mh_hash(std::uint32_t word, std::uint64_t key);

}  // namespace xd::datapath
