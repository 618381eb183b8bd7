// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/run/window_sink.h"

#include <utility>

namespace nicsentry {
namespace {

constexpr std::size_t kWaitingWindows = 4;

}  // namespace

WindowSink::WindowSink(Write write) : write_(std::move(write)), thread_([this] { serve(); }) {}

WindowSink::~WindowSink() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::shared_future<WindowOutcome> WindowSink::put(WindowReport report) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return jobs_.size() < kWaitingWindows; });
  Job& job = jobs_.emplace_back(Job{std::move(report), {}});
  auto outcome = job.done.get_future().share();
  lock.unlock();
  changed_.notify_all();
  return outcome;
}

void WindowSink::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) {
      return;
    }
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    changed_.notify_all();
    job.done.set_value(write_(job.report));
    lock.lock();
  }
}

}  // namespace nicsentry
