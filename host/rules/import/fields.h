// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry::foreign {

// Values as nft and iptables write them. Each throws Untold for one that no rule of ours has.

AddressRange read_address(const std::string& text);  // "10.0.0.1", "10.0.0.0/8", "10.0.0.1-10.0.0.9"
PortRange read_ports(const std::string& text);       // "80", "1000-2000"
// One value of a field, or its name; `protocol`: 1 or 58 of ICMP's types and codes. The number can be hexadecimal.
std::uint16_t read_number(NumberField field, const std::string& text, std::uint8_t protocol = 0);
// The highest number that a packet can have.
std::uint16_t highest(NumberField field);
// `numbers`, or the others where they are negated. Throws Untold where none are left.
NumberRanges chosen_numbers(NumberField field, const NumberRanges& numbers, bool negated);
std::uint8_t read_protocol(const std::string& text);  // "tcp", "ipv6-icmp", "47"
std::uint8_t read_flag(const std::string& text);      // "syn", "ecn"
std::uint8_t read_state(const std::string& text);     // state_bit() of it; 0: "untracked", which no packet is
std::string read_interface(const std::string& text, char wildcard);

std::vector<std::uint8_t> normalised_protocols(std::vector<std::uint8_t> protocols);  // sorted, each once

}  // namespace nicsentry::foreign
