// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/run/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr int kEventsAtOnce = 16;

}  // namespace

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) {
    throw SystemError(errno, "making an epoll set");
  }
  watch(calls_.poll_fd());
}

void EventLoop::watch(int fd, std::function<void()> readable) {
  auto entry = std::make_shared<Watched>(Watched{fd, std::move(readable)});
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = entry.get();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw SystemError(errno, "adding a descriptor to the epoll set");
  }
  watched_.push_back(std::move(entry));
}

void EventLoop::unwatch(int fd) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  std::erase_if(watched_, [fd](const auto& entry) { return entry->fd == fd; });
}

EventLoop::TimerId EventLoop::add_timer(Clock::time_point first, Timer timer) {
  timers_.push_back({first, std::move(timer)});
  return timers_.size() - 1;
}

void EventLoop::reschedule(TimerId timer, Clock::time_point when) { timers_.at(timer).due = when; }

void EventLoop::run() {
  while (!stopping_) {
    Clock::time_point next = kNever;
    for (const Entry& entry : timers_) {
      next = std::min(next, entry.due);
    }
    wait(next);
    calls_.run_all();
    run_due_timers();
  }
}

void EventLoop::stop() {
  stopping_ = true;
  calls_.wake();
}

void EventLoop::wait(Clock::time_point until) {
  timespec limit{};
  const timespec* timeout = nullptr;
  if (until != kNever) {
    const auto left = std::max<std::chrono::nanoseconds>(until - Clock::now(), std::chrono::nanoseconds::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    limit = {seconds.count(), (left - seconds).count()};
    timeout = &limit;
  }
  std::array<epoll_event, kEventsAtOnce> events{};
  const int ready = epoll_pwait2(epoll_.get(), events.data(), kEventsAtOnce, timeout, nullptr);
  if (ready < 0 && errno != EINTR) {
    throw SystemError(errno, "waiting for events");
  }
  for (int i = 0; i < ready; ++i) {
    const void* ready_entry = events.at(static_cast<std::size_t>(i)).data.ptr;
    // A callback may have removed what comes later in the list, and may remove itself: it is kept until it returns.
    const auto found = std::find_if(watched_.begin(), watched_.end(),
                                    [ready_entry](const auto& entry) { return entry.get() == ready_entry; });
    if (found != watched_.end()) {
      const std::shared_ptr<Watched> entry = *found;
      if (entry->readable) {
        entry->readable();
      }
    }
  }
}

void EventLoop::run_due_timers() {
  for (std::size_t i = 0; i < timers_.size() && !stopping_; ++i) {
    const Clock::time_point now = Clock::now();
    if (timers_[i].due <= now) {
      timers_[i].due = kNever;
      const Clock::time_point next = timers_[i].timer(now);
      timers_[i].due = std::min(timers_[i].due, next);  // the timer may have rescheduled itself
    }
  }
}

}  // namespace nicsentry
