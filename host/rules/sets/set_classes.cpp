// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/set_classes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "bpf_offload/types.h"
#include "host/base/error.h"

namespace nicsentry {
namespace {

std::uint16_t word_of(std::uint16_t number, SetMask mask) {
  const bool blocked = (mask & (kBlockedBit | kAllowedBit)) == kBlockedBit;
  return static_cast<std::uint16_t>(number | (blocked ? SET_BLOCKED : 0));
}

}  // namespace

SetClasses::SetClasses(std::vector<SetMask> adopted)
    : masks_(std::move(adopted)), uses_(masks_.size(), 1), adopted_(masks_.size()) {
  for (std::size_t number = 1; number < masks_.size(); ++number) {
    if (masks_[number] != 0) {
      numbers_.emplace(masks_[number], static_cast<std::uint16_t>(number));
    }
  }
}

void SetClasses::release_adopted() {
  for (std::size_t number = 1; number < adopted_; ++number) {
    --uses_[number];
  }
  adopted_ = 0;
}

std::uint16_t SetClasses::acquire(SetMask mask) {
  if (mask == 0) return 0;
  const auto found = numbers_.find(mask);
  const std::uint16_t number = found != numbers_.end() ? found->second : give_number(mask);
  ++uses_[number];
  return word_of(number, mask);
}

void SetClasses::release(SetMask mask) {
  if (mask != 0) {
    --uses_[numbers_.at(mask)];
  }
}

std::uint16_t SetClasses::word(SetMask mask) const { return mask == 0 ? 0 : word_of(numbers_.at(mask), mask); }

std::vector<std::uint32_t> SetClasses::in_use() const {
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t i = 1; i < uses_.size(); ++i) {
    if (uses_[i] != 0) {
      numbers.push_back(i);
    }
  }
  return numbers;
}

std::vector<std::uint32_t> SetClasses::take_new() { return std::exchange(new_, {}); }

std::uint16_t SetClasses::give_number(SetMask mask) {
  const auto unused = std::find(uses_.begin() + 1, uses_.end(), 0U);
  const auto number = static_cast<std::uint16_t>(unused - uses_.begin());
  if (number == SET_CLASSES) {
    throw Conflict("address sets: addresses in more than " + std::to_string(SET_CLASSES - 1) +
                   " different combinations of sets; the limit includes those before the change");
  }
  if (unused == uses_.end()) {
    masks_.push_back(mask);
    uses_.push_back(0);
  } else {
    // If a removed set told two adopted classes apart, both have the same mask. Only one of them is in numbers_.
    if (const auto known = numbers_.find(masks_[number]); known != numbers_.end() && known->second == number) {
      numbers_.erase(known);
    }
    masks_[number] = mask;
  }
  numbers_.emplace(mask, number);
  new_.push_back(number);
  return number;
}

}  // namespace nicsentry
