// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace nicsentry {

// Reads a whole file; "-" is standard input. Throws SystemError.
std::string text_of_file(const std::string& path);

// Reads a batch or a ruleset. Throws Error, which names `rules import` where the file has rules of nft or iptables.
nlohmann::json read_rules_file(const std::string& path);

}  // namespace nicsentry
