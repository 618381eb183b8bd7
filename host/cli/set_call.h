// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/cli/change_options.h"

namespace nicsentry {

// Ask the controller to add entries to a set or to remove them, and print the result. Entries are as
// parse_address_range() reads them, `lifetime` as add_lifetime_option() does. Both throw Error and return the
// command's exit status: failure where no entry was removed.
int add_to_set(const std::string& interface, const std::string& name, const std::vector<std::string>& entries,
               const std::string& lifetime, const ChangeOptions& change);
int take_from_set(const std::string& interface, const std::string& name, const std::vector<std::string>& entries,
                  const ChangeOptions& change);

}  // namespace nicsentry
