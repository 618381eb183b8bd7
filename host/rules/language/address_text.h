// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry {

// A range, or why its text is invalid.
struct ReadRange {
  AddressRange range;
  const char* wrong = nullptr;
};
// Reads "10.0.0.1", "10.0.0.150/24" (host bits may be set: 10.0.0.0/24), "10.0.0.0/255.255.255.0",
// "10.0.0.1-10.0.0.9", "2001:db8::/32".
ReadRange read_address_range(std::string_view text);
// The same. Throws Error that quotes the text and names the allowed forms.
AddressRange parse_address_range(std::string_view text);

// Returns the prefixes that make up a range, in order: at most 62 for IPv4, 254 for IPv6.
std::vector<AddressRange> prefixes_of(const AddressRange& range);

// Throws Error unless the name of a set has 1 to 63 letters, digits, '_', '-' and '.'.
void check_set_name(std::string_view name);

}  // namespace nicsentry
