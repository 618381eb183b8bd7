// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/service_unit.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace nicsentry {

// One line a hierarchy, "0::/system.slice/ssh.service" (cgroups(7)); systemd's own may be any of them.
std::string service_unit_in(std::string_view cgroups) {
  std::string unit;
  while (!cgroups.empty()) {
    const std::string_view line = cgroups.substr(0, cgroups.find('\n'));
    cgroups.remove_prefix(std::min(cgroups.size(), line.size() + 1));
    const std::string_view name = line.substr(line.rfind('/') + 1);
    if (name.ends_with(".service")) {
      unit = " (" + std::string(name) + ")";
    }
  }
  return unit;
}

std::string service_unit_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cgroup");
  return service_unit_in(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace nicsentry
