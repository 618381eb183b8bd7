// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nicsentry {

// Returns the text of `nicsentry help TOPIC`, for topics that several commands share. Empty for an unknown topic.
std::string_view topic_text(std::string_view topic);
std::vector<std::string> topic_names();

}  // namespace nicsentry
