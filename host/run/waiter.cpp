// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/run/waiter.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "host/base/error.h"

namespace nicsentry {

Waiter::Waiter() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) {
    throw SystemError(errno, "making an epoll set");
  }
}

void Waiter::add(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw SystemError(errno, "adding a descriptor to the epoll set");
  }
}

void Waiter::wait(std::chrono::nanoseconds timeout) {
  const auto clamped = std::max(timeout, std::chrono::nanoseconds::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(clamped);
  const timespec until{seconds.count(), (clamped - seconds).count()};
  std::array<epoll_event, 8> events{};
  epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), &until, nullptr);
}

}  // namespace nicsentry
