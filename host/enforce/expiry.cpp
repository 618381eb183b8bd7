// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/expiry.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace nicsentry {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr nanoseconds kRetry = 1s;
// The machine may sleep meanwhile, and the clock goes on.
constexpr nanoseconds kLongestWait = 1s;

}  // namespace

Expiry::Expiry(Work work) : work_(std::move(work)), thread_([this] { serve(); }) {}

Expiry::~Expiry() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Expiry::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wake_.notify_all();
}

void Expiry::serve() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_ = false;
    lock.unlock();
    const auto idle = serve_once();
    lock.lock();
    const auto wanted = [this] { return woken_ || stopping_; };
    if (idle) {
      wake_.wait_for(lock, *idle, wanted);
    } else {
      wake_.wait(lock, wanted);
    }
  }
}

std::optional<nanoseconds> Expiry::serve_once() {
  try {
    const auto next = work_.next_end();
    if (!next) {
      return std::nullopt;
    }
    const TimestampNs now = work_.now();
    if (*next > now) {
      return std::min(nanoseconds(*next - now), kLongestWait);
    }
    work_.expire(now);
    last_warning_.clear();
    return 0ns;
  } catch (const std::exception& error) {
    warn(error.what());
  } catch (...) {
    warn("unknown error");
  }
  return kRetry;
}

// The same reason is given once until it is over.
void Expiry::warn(const std::string& reason) {
  try {
    if (std::exchange(last_warning_, reason) != reason) {
      work_.warning("could not do what was due (rules or entries that ended, an unconfirmed change); retrying: " +
                    reason);
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch): nobody is left to report it to
  }
}

}  // namespace nicsentry
