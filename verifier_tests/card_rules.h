// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace nicsentry::testing {

// What of an object the card would not take, told without a card; a line a broken rule.
std::vector<std::string> broken_rules(const std::filesystem::path& object);

// What the running kernel says against an object; empty when it loads it.
std::string kernel_refusal(const std::filesystem::path& object);

}  // namespace nicsentry::testing
