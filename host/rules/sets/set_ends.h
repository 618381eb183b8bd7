// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <optional>
#include <vector>

#include "host/rules/sets/set_members.h"

namespace nicsentry {

// When entries of sets end, the next one first. An end that was changed or whose entry is gone stays until it comes to
// the front, or there are more such than others.
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

  // After perform(change).
  void note(const SetChange& change);
  // Drops what is not so any more from the front; to be called after each change.
  void tidy(const Sets& sets);
  std::optional<TimestampNs> next() const;
  // What ends until then, in order of sets and without doubles. They stay here until tidy() finds them gone.
  std::vector<End> until(TimestampNs now, const Sets& sets) const;

 private:
  static bool holds(const End& end, const Sets& sets);

  std::vector<End> heap_;
  std::size_t tidied_size_ = 0;
};

}  // namespace nicsentry
