// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <vector>

#include "host/datapath/unique_fd.h"

namespace nicsentry {

// Tells of interfaces that were removed from this network namespace (RTM_DELLINK).
class LinkWatch {
 public:
  LinkWatch();  // throws SystemError

  int poll_fd() const { return fd_.get(); }
  // Indices of interfaces removed since the last call.
  std::vector<int> take_removed();

 private:
  UniqueFd fd_;
};

}  // namespace nicsentry
