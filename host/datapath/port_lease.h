// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/base/unique_fd.h"
#include "host/datapath/interface.h"

namespace nicsentry {

// A process that has a port, wherever on this machine it runs.
struct LeaseHolder {
  std::uint32_t pid = 0;  // in its own PID namespace
  bool same_pid_namespace = true;
  std::string directory;  // its runtime directory, in its own mount namespace
};

// The right to drive the programs of one port, against every process of this machine that could open them: in another
// runtime directory, mount namespace or container. It ends with the process (docs/decisions/0043).
class PortLease {
 public:
  // Throws SystemError where no lease can be made, and Error that names the holder where another process has one. A
  // process without CAP_SYS_ADMIN does not see others.
  PortLease(const Interface& port, const std::string& directory);

 private:
  UniqueFd map_;
};

// The process that has the port. Nothing where none has it, or where that cannot be seen.
std::optional<LeaseHolder> find_lease_holder(const Interface& port);

}  // namespace nicsentry
