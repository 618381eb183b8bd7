// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace nicsentry {

// A member as text: a string as it is, anything else as JSON, "-" where it is missing.
std::string member_text(const nlohmann::json& object, const std::string& name);

}  // namespace nicsentry
