// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/app/daemon_options.h"

namespace nicsentry {

// What is wrong with a file that an option names.
struct NamedFileFault {
  std::string option;  // without "--"
  std::string text;
};

// Looks into the files that the options of a run name, as the run does when it begins: rules, tokens, certificate and
// key, and the places of the log and the state. Changes nothing.
std::vector<NamedFileFault> faults_of_named_files(const DaemonOptions& options);

}  // namespace nicsentry
