// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "host/api/json/sets_json.h"
#include "host/cli/change_options.h"

namespace nicsentry {

// How entries are added to a set: --for and --shorten.
struct AddingOptions {
  std::string lifetime;  // as add_lifetime_option() reads it
  bool shorten = false;
};
void add_adding_options(CLI::App& command, AddingOptions& options);

// Texts as parse_address_range() reads them. Throw Error.
std::vector<AddressRange> ranges_of(const std::vector<std::string>& texts);
std::vector<RequestedEntry> requested_entries(const std::vector<std::string>& texts);

// Ask the controller to add entries to a set or to remove them, and print the result. Both throw Error and return the
// command's exit status: failure where no entry was removed.
int add_to_set(const std::string& interface, const std::string& name, std::vector<RequestedEntry> entries,
               const AddingOptions& adding, const ChangeOptions& change);
// Prints how many entries a set has that was replaced.
int report_replaced(const std::string& name, const SetReplacement& answer, const ChangeOptions& change);
// Removes all entries.
int empty_set(const std::string& interface, const std::string& name, const ChangeOptions& change);
int take_from_set(const std::string& interface, const std::string& name, std::vector<AddressRange> entries,
                  const ChangeOptions& change);

}  // namespace nicsentry
