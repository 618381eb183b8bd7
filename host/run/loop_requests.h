// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/run/window_sink.h"

namespace nicsentry {

// What other threads (the callers on the command socket) want of the one that runs the loop. That one waits for
// poll_fd(), takes and answers; all else is for any thread. After close() callers get an Error, also those that wait.
class LoopRequests {
 public:
  LoopRequests();  // throws SystemError

  int poll_fd() const { return wake_.get(); }

  // The end of the open window, and what became of it.
  std::future<std::shared_future<WindowOutcome>> ask_for_window();

  // What `act` returns, or throws, when the loop has called it.
  template <typename Act>
  auto call(Act act) {
    using Result = decltype(act());
    auto task = std::make_shared<std::packaged_task<Result()>>(std::move(act));
    auto future = task->get_future();
    add_call([task = std::move(task)] { (*task)(); });
    try {
      return future.get();
    } catch (const std::future_error&) {  // close() let go of it
      throw ended();
    }
  }

  std::vector<std::promise<std::shared_future<WindowOutcome>>> take_windows();
  std::vector<std::function<void()>> take_calls();

  void close();

 private:
  static Error ended();
  void require_open() const;
  void add_call(std::function<void()> call);
  void wake();

  UniqueFd wake_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<std::promise<std::shared_future<WindowOutcome>>> windows_;
  std::vector<std::function<void()>> calls_;
};

}  // namespace nicsentry
