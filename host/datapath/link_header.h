// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace nicsentry {

// The header with which the packets of an interface begin. `none`: they begin with their IP header.
enum class LinkHeader : std::uint8_t { ethernet, none, other };

// `type`: ARPHRD_*. `to_one_end`: IFF_POINTOPOINT.
LinkHeader link_header_of(std::uint16_t type, bool to_one_end);

// The type as `ip link` says it: "none", "ppp", "519".
std::string link_type_text(std::uint16_t type);

}  // namespace nicsentry
