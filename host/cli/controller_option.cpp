// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/controller_option.h"

namespace nicsentry {

void add_controller_option(CLI::App& command, std::string& interface) {
  command.add_option("-i,--interface", interface, "port that the controller watches (default: the only one that runs)");
}

}  // namespace nicsentry
