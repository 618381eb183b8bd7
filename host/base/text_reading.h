// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <istream>
#include <string>

namespace nicsentry {

// All of what somebody gave to be read: a batch, a list. Throws SystemError naming `name`, and Error where it has no
// end in sight (256 MiB; a million IPv6 addresses have 40).
std::string read_text(std::istream& input, const std::string& name);

}  // namespace nicsentry
