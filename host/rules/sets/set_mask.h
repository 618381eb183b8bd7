// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace nicsentry {

// The sets that an address is in: bit n is set n of the catalogue. Set 0 is `blocked`.
using SetMask = std::uint64_t;
constexpr unsigned kSetsMax = 64;

}  // namespace nicsentry
