// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/room_policy.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace nicsentry {
namespace {

constexpr std::uint32_t kScarcePart = 8;
constexpr std::uint32_t kRefillPart = 16;  // beyond what is scarce, so that not each new session looks for room
constexpr std::uint32_t kDroppedPart = 4;

std::uint32_t reserve(const Room& room) { return room.capacity / kScarcePart + 1; }

bool may_go(const Occupant& occupant) {
  return occupant.hold != Hold::established ||
         occupant.silence >= (occupant.unwatched ? kLongSilenceUnwatched : kLongSilence);
}

}  // namespace

bool is_scarce(const Room& room) { return room.free < reserve(room); }

std::uint32_t places_wanted(const Room& room) {
  const std::uint32_t soon_free = room.free + room.resting;
  return soon_free < reserve(room) ? reserve(room) + room.capacity / kRefillPart - soon_free : 0;
}

std::uint32_t places_spared(const Room& room) { return reserve(room); }

std::uint32_t places_for_dropped(const Room& room) { return room.capacity / kDroppedPart; }

std::vector<std::uint32_t> choose_idle(std::span<const Occupant> occupants, const Room& room) {
  std::vector<std::uint32_t> chosen;
  const std::uint64_t idle_windows = is_scarce(room) ? kIdleWindowsWhenScarce : kIdleWindows;
  for (const Occupant& occupant : occupants) {
    if (occupant.hold == Hold::nothing && occupant.idle_windows >= idle_windows) {
      chosen.push_back(occupant.id);
    }
  }
  return chosen;
}

std::vector<std::uint32_t> choose_for_new(std::span<const Occupant> occupants, std::uint32_t wanted,
                                          std::uint32_t spared) {
  std::vector<Occupant> candidates;
  std::copy_if(occupants.begin(), occupants.end(), std::back_inserter(candidates), may_go);
  const auto goes_before = [](const Occupant& a, const Occupant& b) {
    if (a.hold != b.hold) {
      return a.hold < b.hold;
    }
    return a.silence != b.silence ? a.silence > b.silence : a.id < b.id;
  };
  std::sort(candidates.begin(), candidates.end(), goes_before);
  const auto unanswered = std::find_if(candidates.begin(), candidates.end(),
                                       [](const Occupant& one) { return one.hold == Hold::unanswered; });
  const auto behind =
      std::find_if(unanswered, candidates.end(), [](const Occupant& one) { return one.hold != Hold::unanswered; });
  candidates.erase(behind - std::min<std::ptrdiff_t>(spared, behind - unanswered), behind);
  const std::size_t count = std::min<std::size_t>(wanted, candidates.size());
  std::vector<std::uint32_t> chosen;
  for (std::size_t i = 0; i < count; ++i) {
    chosen.push_back(candidates[i].id);
  }
  return chosen;
}

}  // namespace nicsentry
