// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace nicsentry::testing {

// Returns the rules of the card that an object breaks, one line for each. Needs no card.
std::vector<std::string> broken_rules(const std::filesystem::path& object);

// Returns the messages of the running kernel's verifier; empty if it loads the object.
std::string kernel_refusal(const std::filesystem::path& object);

}  // namespace nicsentry::testing
