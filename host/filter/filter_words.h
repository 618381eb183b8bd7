// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>

namespace nicsentry {

struct FilterWords {
  bool vlan = false;       // the expression asks for tags
  std::size_t values = 0;  // addresses, numbers and protocols in it
};

// libpcap's time grows with the cube of what a filter names.
constexpr std::size_t kFilterValuesMost = 200;

// "filter 'EXPRESSION'", cut off where it is long.
std::string named_filter(const std::string& expression);

// Throws BadRequest where a word of the expression is a name, which would have to be looked up, or asks for what a
// session does not have, and where it has more values than a filter may have.
FilterWords check_filter_words(const std::string& expression);

}  // namespace nicsentry
