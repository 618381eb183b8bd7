// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "host/rules/sets/set_mask.h"

namespace nicsentry {

// Numbers the combinations of sets that addresses are in. An unused number keeps its combination until another
// combination needs a number. Each update of sets works on a copy. Programs may use the former numbers until the whole
// update is in force, so an update acquires before it releases.
class SetClasses {
 public:
  SetClasses() : masks_{0}, uses_{0} {}
  // Adopts the numbers of a former AddressSets. All of them are in use until release_adopted().
  explicit SetClasses(std::vector<SetMask> adopted);

  // Returns the SET_* word of a combination. Assigns a number if it has none. Throws Error if all numbers are in use.
  std::uint16_t acquire(SetMask mask);
  void release(SetMask mask);
  void release_adopted();
  std::uint16_t word(SetMask mask) const;  // the combination must be in use

  const std::vector<SetMask>& masks() const { return masks_; }
  std::vector<std::uint32_t> in_use() const;
  // Returns the numbers that were assigned since the last call.
  std::vector<std::uint32_t> take_new();

 private:
  std::uint16_t give_number(SetMask mask);

  std::vector<SetMask> masks_;       // by number
  std::vector<std::uint64_t> uses_;  // by number
  std::unordered_map<SetMask, std::uint16_t> numbers_;
  std::vector<std::uint32_t> new_;
  std::size_t adopted_ = 0;  // adopted numbers are below it
};

}  // namespace nicsentry
