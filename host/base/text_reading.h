// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <istream>
#include <string>

namespace nicsentry {

// Reads a whole input, such as a batch or a list. Throws SystemError that names `name`, and Error for more than 256 MiB
// (a million IPv6 addresses need 40 MiB).
std::string read_text(std::istream& input, const std::string& name);

}  // namespace nicsentry
