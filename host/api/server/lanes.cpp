// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/lanes.h"

#include <utility>

namespace nicsentry {

WorkLane::WorkLane(std::size_t threads, std::size_t most_waiting) : most_waiting_(most_waiting) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { serve(); });
  }
}

WorkLane::~WorkLane() { close(); }

bool WorkLane::add(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || jobs_.size() >= most_waiting_) {
      return false;
    }
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

void WorkLane::close() {
  std::deque<Job> waiting;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    waiting.swap(jobs_);
  }
  changed_.notify_all();
  for (const Job& job : waiting) {
    job(Turn::closing);
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
}

void WorkLane::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
    if (jobs_.empty()) {
      return;
    }
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job(Turn::run);
    lock.lock();
  }
}

}  // namespace nicsentry
