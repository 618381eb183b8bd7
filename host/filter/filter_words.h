// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace nicsentry {

struct FilterWords {
  bool vlan = false;  // the expression asks for tags
};

// Throws BadRequest where a word of the expression is a name, which would have to be looked up, or asks for what a
// session does not have.
FilterWords check_filter_words(const std::string& expression);

}  // namespace nicsentry
