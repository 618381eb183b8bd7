// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace nicsentry {

struct CaptureList {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> failures;  // directories that cannot be read or hold no capture
};

// The captures that the names stand for. A name of a directory stands for the captures in it, in order of their names;
// its other files and its directories are passed over. Standard input ("-") may be named once: throws Error else.
CaptureList list_captures(const std::vector<std::filesystem::path>& names);

}  // namespace nicsentry
