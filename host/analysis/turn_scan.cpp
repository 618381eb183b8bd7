// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/turn_scan.h"

#include <algorithm>

namespace nicsentry {
namespace {

constexpr std::size_t kWindowsPerTurn = 64;  // at most
constexpr std::size_t kHalves = 2;           // of a silent session both are read

}  // namespace

std::size_t silent_in_turn(std::size_t busy, std::size_t silent, std::chrono::nanoseconds cost,
                           std::chrono::nanoseconds time) {
  if (time.count() <= 0 || cost.count() <= 0) {
    return silent;
  }
  const auto readings = static_cast<std::size_t>(time / cost);
  const std::size_t affordable = (readings - std::min(readings, busy)) / kHalves;
  const std::size_t least = (silent + kWindowsPerTurn - 1) / kWindowsPerTurn;
  return std::min(silent, std::max(affordable, least));
}

std::vector<bool> TurnScan::choose(const Attachment& attachment, const std::vector<std::uint32_t>& silent,
                                   std::size_t busy, std::uint32_t ids) {
  std::vector<bool> chosen(ids, false);
  if (silent.empty()) {
    return chosen;
  }
  Turn& turn = turns_[&attachment];
  std::size_t left = silent_in_turn(busy, silent.size(), turn.cost, time_);
  auto next = std::lower_bound(silent.begin(), silent.end(), turn.next);
  for (; left != 0; --left) {
    if (next == silent.end()) {
      next = silent.begin();
    }
    chosen[*next] = true;
    turn.next = *next + 1;
    ++next;
  }
  return chosen;
}

void TurnScan::note_cost(const Attachment& attachment, std::size_t readings, std::chrono::nanoseconds took) {
  if (readings != 0) {
    turns_[&attachment].cost = std::max(took, std::chrono::nanoseconds::zero()) / readings;
  }
}

}  // namespace nicsentry
