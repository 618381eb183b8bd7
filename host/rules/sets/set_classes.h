// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "host/rules/sets/set_mask.h"

namespace nicsentry {

// Numbers the combinations of sets that addresses are in. A number whose combination nothing uses any more keeps it
// until another one needs a number. Copied for each update of sets: what the copy has in use from before may still be
// read until all of the update is in force, so an update acquires all it needs before it releases.
class SetClasses {
 public:
  SetClasses() : masks_{0}, uses_{0} {}
  // Goes on with the numbers of another: all are in use until release_adopted().
  explicit SetClasses(std::vector<SetMask> adopted);

  // The SET_* word of a combination, which gets a number where it has none. Throws Error.
  std::uint16_t acquire(SetMask mask);
  void release(SetMask mask);
  void release_adopted();
  std::uint16_t word(SetMask mask) const;  // of one in use

  const std::vector<SetMask>& masks() const { return masks_; }
  std::vector<std::uint32_t> in_use() const;
  // Numbers that got a combination since the last call.
  std::vector<std::uint32_t> take_new();

 private:
  std::uint16_t give_number(SetMask mask);

  std::vector<SetMask> masks_;       // by number
  std::vector<std::uint64_t> uses_;  // by number
  std::unordered_map<SetMask, std::uint16_t> numbers_;
  std::vector<std::uint32_t> new_;
  std::size_t adopted_ = 0;  // numbers below it
};

}  // namespace nicsentry
