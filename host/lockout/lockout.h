// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/lockout/caller.h"
#include "host/lockout/own_network.h"
#include "host/lockout/vital_traffic.h"

namespace nicsentry {

// Looks at the host, for each change anew. Any thread may call.
class VitalTraffic {
 public:
  struct Options {
    std::vector<std::string> ports;  // any of their names
    bool egress_seen = false;
    bool one_way = false;
  };
  explicit VitalTraffic(const Options& options);

  // `standing`: also all connections of the host. Throws SystemError.
  std::vector<VitalPacket> packets(const Caller& caller, bool standing) const;

 private:
  std::vector<PortIndex> ports() const;

  std::vector<PortIndex> ports_;  // by the names that they had at first
  bool egress_seen_;
  bool one_way_;
};

}  // namespace nicsentry
