// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace nicsentry::polycube {

// Bridges of the kernel, over rtnetlink, in this thread's network namespace. Functions throw SystemError.

// Makes a bridge, marks it as this service's by its alias and brings it up. Returns its index.
int make_bridge(const std::string& name);
void remove_link(int index, const std::string& name);
// Removes the bridges that have the mark.
void remove_marked_bridges();
// Makes an interface a port of a bridge (0: of none) and brings it up.
void set_master(int index, int bridge, const std::string& name);

}  // namespace nicsentry::polycube
