// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>

namespace nicsentry {

// The socket of the controller that watches a port; with no port (""), of the only one that runs on this machine. Waits
// up to `patience` for one that has claimed the port and does not listen yet, and half a second for one that was just
// started. Throws NotFound that says how to start
// one, Unavailable where it is still starting, and Error that lists which ones to choose from. Changes nothing.
std::string find_controller(const std::string& interface, std::chrono::milliseconds patience = std::chrono::seconds(2));

// Removes the sockets in the runtime directory at which nobody listens and whose process is gone: those of killed
// controllers.
void remove_dead_sockets();

}  // namespace nicsentry
