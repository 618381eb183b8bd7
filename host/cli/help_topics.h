// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nicsentry {

// What `nicsentry help TOPIC` prints, for topics that several commands share. Empty for a topic that does not exist.
std::string_view topic_text(std::string_view topic);
std::vector<std::string> topic_names();

}  // namespace nicsentry
