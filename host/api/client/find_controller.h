// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace nicsentry {

// The socket of the controller that watches a port; with no port (""), of the only one that runs on this machine.
// Throws Error that says how to start one, or which ones to choose from.
std::string find_controller(const std::string& interface);

// Removes what killed controllers left in the runtime directory; looking for one does so, too.
void remove_dead_sockets();

}  // namespace nicsentry
