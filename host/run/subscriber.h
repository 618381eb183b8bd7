// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace nicsentry {

// How much may wait for a subscriber, and what happens beyond: a live run drops the oldest item, a replay waits.
struct QueueLimits {
  std::size_t items = 4;
  std::size_t bytes = std::size_t{64} << 20;
  bool wait_when_full = false;
  // How long close() lets the subscriber go on without finishing an item; without limit where wait_when_full.
  std::chrono::milliseconds grace{300};
};

// Hands items to a consumer on a thread of its own, through a bounded queue. A consumer that stands still loses its own
// items, counted, and holds up nobody else. offer(), take_dropped() and close() may be called from any thread.
template <typename Item>
class Subscriber {
 public:
  using ItemPtr = std::shared_ptr<const Item>;
  // Runs on the subscriber's thread. It must own what it uses: after close() gave up on it, it may still be running.
  // Exceptions of it are passed to `failed`.
  using Consume = std::function<void(const ItemPtr&)>;
  using Dropped = std::function<void(const ItemPtr&)>;        // an item that was never consumed; any thread
  using Failed = std::function<void(const std::exception&)>;  // on the subscriber's thread

  Subscriber(std::string name, const QueueLimits& limits, Consume consume, Dropped dropped = {}, Failed failed = {})
      : name_(std::move(name)),
        grace_(limits.grace),
        state_(std::make_shared<State>(limits, std::move(consume), std::move(dropped), std::move(failed))),
        thread_([state = state_] { state->serve(); }) {}

  ~Subscriber() { close(); }
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  const std::string& name() const { return name_; }

  // `bytes`: what the item holds in memory. An item larger than the whole limit is taken if nothing else waits.
  void offer(ItemPtr item, std::size_t bytes = 0) { state_->offer(std::move(item), bytes); }

  // Items that were dropped since the last call.
  std::uint64_t take_dropped() {
    const std::lock_guard lock(state_->mutex);
    return std::exchange(state_->dropped_count, 0);
  }

  // Takes no more items and waits until the consumer has finished those that wait. False where it finished none within
  // the limits' grace: what waits is dropped.
  bool finish() { return finished_ || (finished_ = state_->finish(grace_)); }

  // Ends the subscriber after finish(). A consumer that still does not end within the grace is abandoned: its thread
  // goes on by itself. False then.
  bool close() {
    if (!thread_.joinable()) {
      return finished_;
    }
    finish();
    if (finished_) {
      thread_.join();
    } else {
      thread_.detach();
    }
    return finished_;
  }

 private:
  struct State {
    State(const QueueLimits& queue_limits, Consume consume_item, Dropped drop, Failed fail)
        : limits(queue_limits), consume(std::move(consume_item)), dropped(std::move(drop)), failed(std::move(fail)) {}

    void offer(ItemPtr item, std::size_t bytes) {
      std::deque<Waiting> out;
      {
        std::unique_lock lock(mutex);
        if (limits.wait_when_full) {
          changed.wait(lock, [&] { return closing || fits(bytes); });
        }
        while (!fits(bytes) && !queue.empty()) {
          drop_oldest(out);
        }
        if (closing) {
          out.push_back({std::move(item), 0});
          ++dropped_count;
        } else {
          queue.push_back({std::move(item), bytes});
          queued_bytes += bytes;
        }
      }
      changed.notify_all();
      tell_dropped(out);
    }

    bool fits(std::size_t bytes) const {
      return queue.empty() || (queue.size() < limits.items && queued_bytes + bytes <= limits.bytes);
    }

    void serve() {
      std::unique_lock lock(mutex);
      for (;;) {
        changed.wait(lock, [this] { return closing || !queue.empty(); });
        if (queue.empty()) {
          ended = true;
          changed.notify_all();
          return;
        }
        const ItemPtr item = std::move(queue.front().item);
        queued_bytes -= queue.front().bytes;
        queue.pop_front();
        lock.unlock();
        changed.notify_all();
        try {
          consume(item);
        } catch (const std::exception& error) {
          if (failed) {
            failed(error);
          }
        }
        lock.lock();
        ++consumed;
        changed.notify_all();
      }
    }

    bool finish(std::chrono::milliseconds grace) {
      std::deque<Waiting> out;
      bool done = false;
      {
        std::unique_lock lock(mutex);
        closing = true;
        changed.notify_all();
        if (limits.wait_when_full) {
          changed.wait(lock, [&] { return ended; });
        }
        std::uint64_t seen = 0;
        do {
          seen = consumed;
        } while (changed.wait_for(lock, grace, [&] { return ended || consumed != seen; }) && !ended);
        done = ended;
        while (!done && !queue.empty()) {
          drop_oldest(out);
        }
      }
      tell_dropped(out);
      return done;
    }

    struct Waiting {
      ItemPtr item;
      std::size_t bytes;
    };

    void drop_oldest(std::deque<Waiting>& out) {
      queued_bytes -= queue.front().bytes;
      out.push_back(std::move(queue.front()));
      queue.pop_front();
      ++dropped_count;
    }

    void tell_dropped(const std::deque<Waiting>& out) const {
      for (const Waiting& waiting : out) {
        if (dropped) {
          dropped(waiting.item);
        }
      }
    }

    const QueueLimits limits;
    const Consume consume;
    const Dropped dropped;
    const Failed failed;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Waiting> queue;
    std::size_t queued_bytes = 0;
    std::uint64_t dropped_count = 0;
    std::uint64_t consumed = 0;
    bool closing = false;
    bool ended = false;
  };

  std::string name_;
  std::chrono::milliseconds grace_;
  std::shared_ptr<State> state_;
  std::thread thread_;
  bool finished_ = false;
};

}  // namespace nicsentry
