// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/adaptive_sampling.h"

#include <algorithm>

#include "bpf_offload/types.h"

namespace nicsentry {
namespace {

// Processor time above `high` halves the rate, below `low` the rate grows by half. With a full table events only show
// how many sessions are refused, which is worth less processor time.
struct Band {
  double low;
  double high;
};
constexpr Band kLearning{0.25, 0.5};
constexpr Band kFull{0.03, 0.1};

constexpr std::uint32_t kLowestRate = 16;  // of 65,536

}  // namespace

std::uint32_t next_sampling_rate(std::uint32_t rate, const Load& load) {
  const Band band = load.table_full ? kFull : kLearning;
  if (load.lost || (load.all > band.high && load.processor > band.high / load.attachments)) {
    return std::max(rate / 2, kLowestRate);
  }
  if (load.all < band.low || load.processor < band.low / load.attachments) {
    return std::min(rate + rate / 2, CONFIG_SHARE_ALL);
  }
  return rate;
}

}  // namespace nicsentry
