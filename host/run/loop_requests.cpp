// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/run/loop_requests.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <exception>

namespace nicsentry {

LoopRequests::LoopRequests() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) {
    throw SystemError(errno, "making an eventfd");
  }
}

std::future<std::shared_future<WindowOutcome>> LoopRequests::ask_for_window() {
  const std::lock_guard lock(mutex_);
  require_open();
  auto future = windows_.emplace_back().get_future();
  wake();
  return future;
}

std::vector<std::promise<std::shared_future<WindowOutcome>>> LoopRequests::take_windows() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof(count));
  const std::lock_guard lock(mutex_);
  return std::exchange(windows_, {});
}

std::vector<std::function<void()>> LoopRequests::take_calls() {
  const std::lock_guard lock(mutex_);
  return std::exchange(calls_, {});
}

void LoopRequests::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (auto& promise : windows_) {
    promise.set_exception(std::make_exception_ptr(ended()));
  }
  windows_.clear();
  calls_.clear();
}

Error LoopRequests::ended() { return Error("the run has ended"); }

void LoopRequests::require_open() const {
  if (closed_) {
    throw ended();
  }
}

void LoopRequests::add_call(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  require_open();
  calls_.push_back(std::move(call));
  wake();
}

void LoopRequests::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

}  // namespace nicsentry
