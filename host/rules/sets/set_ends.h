// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <optional>
#include <vector>

#include "host/rules/sets/set_members.h"

namespace nicsentry {

// A heap of the expiry times of entries. An outdated time stays until it comes to the front, or until most of the times
// are outdated.
class SetEnds {
 public:
  using Sets = std::array<AddressSet*, kSetsMax>;  // by bit

  struct End {
    TimestampNs at = 0;
    unsigned bit = 0;
    std::size_t family = 0;
    AddressKey first;
    AddressKey last;

    auto operator<=>(const End&) const = default;
  };

  // Call it after perform(change).
  void note(const SetChange& change);
  // Removes outdated times from the front. Call it after each change.
  void tidy(const Sets& sets);
  std::optional<TimestampNs> next() const;
  // Returns the entries that expire up to `now`, in order of sets, without duplicates. Their times stay in the heap
  // until tidy() removes them.
  std::vector<End> until(TimestampNs now, const Sets& sets) const;

 private:
  static bool holds(const End& end, const Sets& sets);

  std::vector<End> heap_;
  std::size_t tidied_size_ = 0;
};

}  // namespace nicsentry
