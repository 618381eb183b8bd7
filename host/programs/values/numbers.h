// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/programs/values/layout.h"

namespace nicsentry::programs {

// A number within a value.
struct NumberPart {
  std::vector<std::string> path;       // members; empty for a value that is a number itself
  std::optional<std::uint32_t> index;  // in a list, the first on the path
  std::uint32_t offset = 0;            // bytes
  Layout layout;
};

// The integers, booleans, enumerations and floating numbers of a layout, in its order; without addresses, ports, times
// and texts. Not more than kNumberPartsMax.
constexpr std::size_t kNumberPartsMax = 4096;
std::vector<NumberPart> number_parts(const Layout& layout);
// Those of them that can be counted: integers (can_add()).
std::vector<NumberPart> counted_parts(const Layout& layout);

// Parts of a key that become labels: numbers, addresses, texts; a list is one part.
std::vector<NumberPart> label_parts(const Layout& layout);

}  // namespace nicsentry::programs
