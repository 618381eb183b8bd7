// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace nicsentry {

// The sets that an address is in: bit n is set n of the catalogue.
using SetMask = std::uint64_t;
// The bits of the built-in sets `blocked` and `allowed`.
constexpr SetMask kBlockedBit = 1;
constexpr SetMask kAllowedBit = 2;
constexpr unsigned kSetsMax = 64;

}  // namespace nicsentry
