// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace nicsentry {

struct Check {
  std::string subject;
  bool ok = false;
  std::string finding;
};

struct Diagnosis {
  std::vector<Check> checks;
  bool can_run = true;  // `run` and `replay` would work
};

// Looks at what nicsentry needs of this machine and at what each port offers (those named, else all), without attaching
// anything. Does not throw for what it finds wanting, but Error for a port that is not there.
Diagnosis diagnose(const std::vector<std::string>& interfaces);

}  // namespace nicsentry
