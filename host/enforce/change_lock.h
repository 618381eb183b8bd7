// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace nicsentry {

// One holder at a time. Changes of rules and sets come first: a Pause, which keeps rules and sets as they are, begins
// only when no change is under way or waiting. So a series of short pauses cannot hold up a change for longer than one.
class ChangeLock {
 public:
  class Change {
   public:
    explicit Change(ChangeLock& lock) : lock_(lock) { lock_.begin_change(); }
    ~Change() { lock_.end(); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    ChangeLock& lock_;
  };

  class Pause {
   public:
    explicit Pause(ChangeLock& lock) : lock_(lock) { lock_.begin_pause(); }
    ~Pause() { lock_.end(); }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    ChangeLock& lock_;
  };

  // A change that does not wait: it is held only if nobody holds the lock.
  class Attempt {
   public:
    explicit Attempt(ChangeLock& lock) : lock_(lock), held_(lock.try_begin()) {}
    ~Attempt() {
      if (held_) {
        lock_.end();
      }
    }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    bool held() const { return held_; }

   private:
    ChangeLock& lock_;
    bool held_;
  };

  std::size_t changes_waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  void begin_change() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    ended_.wait(lock, [this] { return !held_; });
    --waiting_;
    held_ = true;
  }

  bool try_begin() {
    const std::lock_guard lock(mutex_);
    if (held_) {
      return false;
    }
    held_ = true;
    return true;
  }

  void begin_pause() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return !held_ && waiting_ == 0; });
    held_ = true;
  }

  void end() {
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
    }
    ended_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  bool held_ = false;
  std::size_t waiting_ = 0;  // changes
};

}  // namespace nicsentry
