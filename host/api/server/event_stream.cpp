// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/event_stream.h"

#include <algorithm>
#include <utility>

namespace nicsentry {

void EventStream::offer(Text event) {
  const std::lock_guard lock(mutex_);
  if (closed_) {
    return;
  }
  while (!events_.empty() && (events_.size() >= kMostEvents || bytes_ + event->size() > kMostBytes)) {
    bytes_ -= events_.front()->size();
    events_.pop_front();
    ++lost_;
  }
  bytes_ += event->size();
  events_.push_back(std::move(event));
  wake_reader();
}

void EventStream::beat() {
  const std::lock_guard lock(mutex_);
  if (waiting_ && !closed_ && part_read_ == part_.size() && events_.empty()) {
    part_ = ":\n\n";
    part_read_ = 0;
    wake_reader();
  }
}

void EventStream::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  wake_reader();
}

std::uint64_t EventStream::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void EventStream::set_wake(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  waiting_ = waiting_ && wake_ != nullptr;
}

std::size_t EventStream::take(char* to, std::size_t most) {
  const std::lock_guard lock(mutex_);
  if (part_read_ == part_.size()) {
    part_.clear();
    part_read_ = 0;
    if (lost_ != lost_told_) {
      part_ = "event: lost\ndata: {\"events\":" + std::to_string(lost_ - lost_told_) + "}\n\n";
      lost_told_ = lost_;
    } else if (!events_.empty()) {
      part_ = *events_.front();
      bytes_ -= part_.size();
      events_.pop_front();
    }
  }
  const std::size_t count = std::min(most, part_.size() - part_read_);
  std::copy_n(part_.data() + part_read_, count, to);
  part_read_ += count;
  return count;
}

bool EventStream::wait_for_more(const std::function<void()>& suspend) {
  const std::lock_guard lock(mutex_);
  if (closed_ || !events_.empty() || part_read_ != part_.size() || lost_ != lost_told_) {
    return false;
  }
  suspend();
  waiting_ = true;
  return true;
}

bool EventStream::ended() const {
  const std::lock_guard lock(mutex_);
  return closed_ && events_.empty() && part_read_ == part_.size() && lost_ == lost_told_;
}

// With the lock held: the reader cannot begin to wait meanwhile.
void EventStream::wake_reader() {
  if (waiting_ && wake_) {
    waiting_ = false;
    wake_();
  }
}

}  // namespace nicsentry
