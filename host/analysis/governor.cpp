// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/governor.h"

#include <algorithm>

#include "bpf_offload/types.h"

namespace nicsentry {
namespace {

// Above `high` the share is halved, below `low` it grows by half. With a full table events only tell how many sessions
// are refused: that is worth less.
struct Band {
  double low;
  double high;
};
constexpr Band kLearning{0.25, 0.5};
constexpr Band kFull{0.03, 0.1};

constexpr std::uint32_t kLeastShare = 16;  // of 65,536

}  // namespace

std::uint32_t next_share(std::uint32_t share, const Load& load) {
  const Band band = load.table_full ? kFull : kLearning;
  if (load.lost || load.processor > band.high) {
    return std::max(share / 2, kLeastShare);
  }
  if (load.processor < band.low) {
    return std::min(share + share / 2, CONFIG_SHARE_ALL);
  }
  return share;
}

}  // namespace nicsentry
