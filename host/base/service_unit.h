// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace nicsentry {

// " (nicsentry@eth0.service)" for the content of a /proc/PID/cgroup in that systemd unit; nothing for a process outside
// of services.
std::string service_unit_in(std::string_view cgroups);

// The same for a process, behind its number in a message; nothing if it is gone or may not be read.
std::string service_unit_of(int pid);

}  // namespace nicsentry
