// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "host/packet/session_key.h"

namespace nicsentry {

// One address as programs write it into files and variables: a link-local one may name its interface ("fe80::1%eth0").
// Nothing for another text. What users write is read by parse_address_range().
std::optional<IpAddress> parse_address(const std::string& text);

}  // namespace nicsentry
