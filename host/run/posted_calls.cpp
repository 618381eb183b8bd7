// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/run/posted_calls.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace nicsentry {

PostedCalls::PostedCalls() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) {
    throw SystemError(errno, "making an eventfd");
  }
}

void PostedCalls::post(std::function<void()> act) {
  auto posted = std::make_shared<Posted>();
  posted->run = std::move(act);
  try {
    add(std::move(posted));
  } catch (const Unavailable&) {
    // The loop has ended: nobody is left to call it.
  }
}

void PostedCalls::run_all() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof(count));
  std::vector<std::shared_ptr<Posted>> calls;
  {
    const std::lock_guard lock(mutex_);
    calls = std::exchange(calls_, {});
  }
  for (const auto& posted : calls) {
    if (!posted->begun.exchange(true)) {
      posted->run();
    }
  }
}

void PostedCalls::close() {
  std::vector<std::shared_ptr<Posted>> dropped;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped = std::exchange(calls_, {});
  for (const auto& posted : dropped) {
    posted->run = {};  // breaks the promise: its caller is told that the run has ended
  }
}

void PostedCalls::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

Unavailable PostedCalls::ended() { return Unavailable("the run has ended"); }

void PostedCalls::add(std::shared_ptr<Posted> posted) {
  const std::lock_guard lock(mutex_);
  if (closed_) {
    throw ended();
  }
  calls_.push_back(std::move(posted));
  wake();
}

}  // namespace nicsentry
