// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace nicsentry {

// Whether systemd is process 1 (sd_booted(3)).
bool systemd_runs();

// "nicsentry@eth0.service", with what a unit's name may not have written as \xNN (systemd.unit(5)).
std::string unit_of_port(const std::string& port);

// Performs `systemctl WORDS` with this process's standard error. Throws Error if it fails.
void systemctl(const std::vector<std::string>& words);

}  // namespace nicsentry
