// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string_view>
#include <vector>

namespace nicsentry {

// The processors of a list as sysfs has it: "0-3,5". Empty for another text.
std::vector<int> parse_processors(std::string_view list);

// Those that are online now. Throws SystemError.
std::vector<int> online_processors();
using OnlineProcessors = std::function<std::vector<int>()>;

}  // namespace nicsentry
