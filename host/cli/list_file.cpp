// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/list_file.h"

#include <cerrno>
#include <fstream>
#include <iostream>

#include "host/base/error.h"
#include "host/cli/log.h"
#include "host/rules/language/address_list.h"

namespace nicsentry {
namespace {

AddressList read(const std::string& path, const std::string& name) {
  if (path == "-") {
    return read_address_list(std::cin, name);
  }
  std::ifstream file(path);
  if (!file) {
    throw SystemError(errno, "opening " + path);
  }
  return read_address_list(file, name);
}

}  // namespace

void add_skip_invalid_option(CLI::App& command, ListFile& file) {
  command.add_flag("--skip-invalid", file.skip_invalid,
                   "take the rest of the file where lines are wrong; they are named");
}

std::vector<RequestedEntry> read_list_file(const ListFile& file) {
  const std::string name = file.path == "-" ? "standard input" : file.path;
  const AddressList list = read(file.path, name);
  if (!file.skip_invalid || list.entries.empty()) {
    require_no_wrong_line(list, name);
  }
  if (list.wrong != 0) {
    log_warning("list of addresses '" + name + "': lines that were left out: " + std::to_string(list.wrong) +
                list.wrong_lines);
  }
  std::vector<RequestedEntry> entries;
  entries.reserve(list.entries.size());
  for (const ListEntry& entry : list.entries) {
    entries.push_back({entry.range, entry.lifetime});
  }
  return entries;
}

}  // namespace nicsentry
