// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace nicsentry {

// Returns the command that is meant by a word or an option of nft, iptables, tcpdump and others: "show" for "rules
// list". `line` leads to the command: "nicsentry rules". Empty where nothing is known.
std::string command_meant(std::string_view line, std::string_view word);

}  // namespace nicsentry
