// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "host/base/unique_fd.h"

namespace nicsentry {

// Indices of interfaces.
struct LinkChanges {
  std::vector<int> removed;
  std::vector<int> changed;  // anything about them: an XDP program, a TC qdisc or filter, too
  bool missed = false;       // the kernel had no room for some messages: anything may have changed
};

// Tells of this network namespace's interfaces (RTM_DELLINK, RTM_NEWLINK) and of what is on their TC hooks
// (RTNLGRP_TC).
class LinkWatch {
 public:
  LinkWatch();  // throws SystemError

  int poll_fd() const { return fd_.get(); }
  // The changes since the last call.
  LinkChanges take();

 private:
  UniqueFd fd_;
};

}  // namespace nicsentry
