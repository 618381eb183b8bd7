// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace nicsentry::top {

// Answers requests on a thread of its own, one after the other, so that no slow answer holds up a key. A request takes
// the place of one that has not begun. With `every` the last request is answered again and again. All signals are the
// other threads'. The functions are for one thread.
template <typename Request, typename Answer>
class Background {
 public:
  // Both run on the thread: `work` throws nothing and ends soon after its token says so; `ready` follows each answer.
  using Work = std::function<Answer(const Request&, const std::stop_token&)>;
  Background(Work work, std::function<void()> ready, std::optional<std::chrono::milliseconds> every = std::nullopt)
      : work_(std::move(work)), ready_(std::move(ready)), every_(every) {
    // A thread has the mask of the one that starts it.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::jthread([this](const std::stop_token& stop) { answer_requests(stop); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void ask(Request request) {
    {
      const std::lock_guard lock(mutex_);
      request_ = std::move(request);
      is_new_ = true;
    }
    changed_.notify_all();
  }

  // The newest answer that was not taken yet.
  std::optional<Answer> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answer_, std::nullopt);
  }

 private:
  void answer_requests(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      const auto begun = std::chrono::steady_clock::now();
      if (request_ && (is_new_ || every_)) {
        const Request request = *request_;
        is_new_ = false;
        lock.unlock();
        Answer answer = work_(request, stop);
        lock.lock();
        answer_ = std::move(answer);
        lock.unlock();
        ready_();
        lock.lock();
      }
      const auto is_asked = [this] { return is_new_; };
      if (every_) {
        changed_.wait_until(lock, stop, begun + *every_, is_asked);
      } else {
        changed_.wait(lock, stop, is_asked);
      }
    }
  }

  Work work_;
  std::function<void()> ready_;
  std::optional<std::chrono::milliseconds> every_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Request> request_;
  bool is_new_ = false;
  std::optional<Answer> answer_;
  std::jthread thread_;  // the last one: it ends before what it uses
};

}  // namespace nicsentry::top
