// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "host/base/timestamp.h"
#include "host/rules/judged_packet.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// The buckets of limits for packets of the past, whose times are not the program's: those of a capture. Computes as the
// program does (bpf_offload/limits.h), with a bucket for each address. Buckets are full at first. Not for several
// threads at once.
class LimitModel {
 public:
  // Whether the packet is beyond the rate of a rule that limits; charges its bucket if not. `rule` has its counter.
  bool exceeds(const Rule& rule, const JudgedPacket& packet, TimestampNs now_ns);

 private:
  __extension__ using Time = __int128;  // in 2^-6 ns, as the program's

  struct Key {
    std::uint32_t counter = 0;
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    auto operator<=>(const Key&) const = default;
  };
  // A rule that was given another rate meanwhile begins with full buckets, as in the program.
  void forget_others(const Rule& rule);
  void drop_full_buckets(Time now);

  std::map<Key, Time> buckets_;                       // when each is full again
  std::map<std::uint32_t, Limit> limits_;             // by counter
  std::size_t look_again_at_ = std::size_t{1} << 16;  // so many buckets
};

}  // namespace nicsentry
