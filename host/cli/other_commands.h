// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace nicsentry {

// What somebody meant who wrote a command as nft, iptables, tcpdump and others name it: "show" for "rules list". `line`
// leads to the command: "nicsentry rules". Empty where nothing is known.
std::string command_meant(std::string_view line, std::string_view word);

}  // namespace nicsentry
