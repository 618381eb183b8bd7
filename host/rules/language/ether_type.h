// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nicsentry {

// Stands for all frames with a length in place of an EtherType (IEEE 802.3: LLC, such as spanning tree).
constexpr std::uint16_t kLlc = 0;
constexpr std::uint16_t kLastLength = 0x05ff;

// Reads a name such as "ARP" or a number such as "0x88cc". Nothing for anything else, for IPv4, IPv6 and VLAN tags.
std::optional<std::uint16_t> parse_ether_type(std::string_view text);
std::string ether_type_text(std::uint16_t type);

}  // namespace nicsentry
