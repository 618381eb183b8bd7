// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>

#include "host/base/unique_fd.h"

namespace nicsentry {

// The descriptors that end a wait (epoll(7)). What became readable is found by asking each owner. Of one thread.
class Waiter {
 public:
  // Throws SystemError.
  Waiter();

  // Throws SystemError. A descriptor that is closed is out by itself.
  void add(int fd);

  // Until one of them is readable, a signal came, or the time is up; one that is not positive does not wait.
  void wait(std::chrono::nanoseconds timeout);

 private:
  UniqueFd epoll_;
};

}  // namespace nicsentry
