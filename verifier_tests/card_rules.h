// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nicsentry::testing {

// Returns the rules of the card that an object breaks, one line for each. Needs no card.
std::vector<std::string> broken_rules(const std::filesystem::path& object);

// The running kernel's verifier on an object: its messages, empty if it takes the object, and its effort.
struct Verified {
  std::string refusal;
  std::uint32_t instructions = 0;  // that the verifier looked at, of the largest program
  double seconds = 0;              // of the processor
};
// `on`: with all that a run can switch on (struct switches); an object for the card has none.
Verified verify(const std::filesystem::path& object, bool on = false);

}  // namespace nicsentry::testing
