// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry {

// Calls that threads hand to the one that runs a loop. Each caller waits for its answer, but no longer than a limit: a
// call that was not begun by then is never made. The loop's thread polls poll_fd() and calls run_all().
class PostedCalls {
 public:
  static constexpr std::chrono::seconds kLimit{5};

  PostedCalls();  // throws SystemError

  int poll_fd() const { return wake_.get(); }

  // Returns or throws as `act` does, called on the loop's thread. Throws Unavailable after `limit`, and after close().
  template <typename Act>
  auto call(Act act, std::chrono::milliseconds limit = kLimit) {
    using Result = decltype(act());
    const auto posted = std::make_shared<Posted>();
    auto task = std::make_shared<std::packaged_task<Result()>>(std::move(act));
    std::future<Result> future = task->get_future();
    posted->run = [task = std::move(task)] { (*task)(); };  // the only owner: see close()
    add(posted);
    if (future.wait_for(limit) != std::future_status::ready) {
      if (!posted->begun.exchange(true)) {
        throw Unavailable("the run did not answer within " + std::to_string(limit.count()) +
                          " ms; nothing was changed");
      }
      if (future.wait_for(limit) != std::future_status::ready) {
        throw Unavailable("the run is still at work after " + std::to_string(2 * limit.count()) + " ms");
      }
    }
    try {
      return future.get();
    } catch (const std::future_error&) {  // close() dropped the call
      throw ended();
    }
  }

  // Has `act` called on the loop's thread, and waits for nothing. Without effect after close().
  void post(std::function<void()> act);

  // Makes every call that waits. Of the loop's thread.
  void run_all();
  // Refuses calls from now on, also those that wait.
  void close();
  // Makes poll_fd() readable.
  void wake();

 private:
  struct Posted {
    std::function<void()> run;
    std::atomic<bool> begun = false;  // by whichever comes first: the loop, or the caller that gives up
  };

  static Unavailable ended();
  void add(std::shared_ptr<Posted> posted);

  UniqueFd wake_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<std::shared_ptr<Posted>> calls_;
};

}  // namespace nicsentry
