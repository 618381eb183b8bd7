// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "host/api/json/sets_json.h"

namespace nicsentry {

// A list of addresses in a file, as a command takes it.
struct ListFile {
  std::string path;  // "-": standard input
  bool skip_invalid = false;
};
void add_skip_invalid_option(CLI::App& command, ListFile& file);

// Reads the file's entries. Throws Error that names wrong lines, or warns of them where they are to be skipped. Throws
// Error where the file has wrong lines alone.
std::vector<RequestedEntry> read_list_file(const ListFile& file);

}  // namespace nicsentry
