// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace nicsentry {

// Adding to a set and taking from it, by the controller, with what came of it on standard output. Entries are as
// parse_address_range() reads them; `lifetime` as add_lifetime_option() does. Both throw Error. Taking away gives the
// command's exit status: failure where no entry went.
void add_to_set(const std::string& interface, const std::string& name, const std::vector<std::string>& entries,
                const std::string& lifetime);
int take_from_set(const std::string& interface, const std::string& name, const std::vector<std::string>& entries);

}  // namespace nicsentry
