// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry {

struct ListEntry {
  AddressRange range;
  std::optional<std::chrono::nanoseconds> lifetime{};  // from now on
};

struct AddressList {
  std::vector<ListEntry> entries;
  std::size_t wrong = 0;    // lines that are no entry
  std::string wrong_lines;  // the first 20, a line each, and how many more
};

// Reads a list of addresses as it is published or exported. Each line is an address, a prefix (also with a netmask) or
// a range, "name:a-b" (P2P), a line of `ipset save`, DShield's columns (first, last, prefix length, separated by tabs),
// or a JSON object with "cidr" (Spamhaus). '#' or ';' starts a comment. Throws SystemError that names the input.
AddressList read_address_list(std::istream& input, const std::string& name);

// Throws Error that names the input and its wrong lines; nothing where there is none.
void require_no_wrong_line(const AddressList& list, const std::string& name);

}  // namespace nicsentry
