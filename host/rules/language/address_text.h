// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry {

// "10.0.0.1", "10.0.0.150/24" (host bits may be set: 10.0.0.0/24), "10.0.0.1-10.0.0.9", "2001:db8::/32". Throws Error
// with what was read and what is allowed.
AddressRange parse_address_range(std::string_view text);

// Prefixes that make up a range, in order: at most 62 for IPv4, 254 for IPv6.
std::vector<AddressRange> prefixes_of(const AddressRange& range);

// A file as blocklists are published (.ipset, .netset): an address, prefix or range a line; from '#' or ';' on it is
// comment. Throws Error naming the file and every line that is wrong (the first 20 and how many more).
std::vector<AddressRange> parse_address_list(std::istream& input, const std::string& name);

// A set's name: 1 to 63 of letters, digits, '_', '-', '.'; Throws Error.
void check_set_name(std::string_view name);

}  // namespace nicsentry
