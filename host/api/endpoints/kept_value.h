// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace nicsentry {

// Keeps a value until somebody takes it. A thread of its own drops one whose time is over. Any thread.
template <typename Value>
class KeptValue {
 public:
  KeptValue() = default;
  ~KeptValue() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    if (dropping_.joinable()) {
      dropping_.join();
    }
  }
  KeptValue(const KeptValue&) = delete;
  KeptValue& operator=(const KeptValue&) = delete;

  // `time`: none: for ever.
  void keep(std::unique_ptr<Value> value, std::optional<std::chrono::milliseconds> time) {
    {
      const std::lock_guard lock(mutex_);
      std::swap(value_, value);
      until_ = time ? std::optional(std::chrono::steady_clock::now() + *time) : std::nullopt;
      if (until_ && !dropping_.joinable()) {
        dropping_ = std::thread([this] { drop_in_time(); });
      }
    }
    changed_.notify_all();
  }

  // Null where nothing is kept, or its time was over.
  std::unique_ptr<Value> take() {
    const std::lock_guard lock(mutex_);
    until_.reset();
    return std::move(value_);
  }

 private:
  void drop_in_time() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      if (!until_) {
        changed_.wait(lock);
      } else if (const auto until = *until_; std::chrono::steady_clock::now() < until) {
        changed_.wait_until(lock, until);
      } else {
        until_.reset();
        auto dropped = std::move(value_);
        lock.unlock();
        dropped.reset();
        lock.lock();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Value> value_;
  std::optional<std::chrono::steady_clock::time_point> until_;
  bool ending_ = false;
  std::thread dropping_;  // from the first value that has a time
};

}  // namespace nicsentry
