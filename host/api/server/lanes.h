// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nicsentry {

// A few threads that run jobs in their order, and a bound on how many wait.
class WorkLane {
 public:
  enum class Turn { run, closing };
  // Called once: to run, or to be told that the lane closes and it will not run.
  using Job = std::function<void(Turn)>;

  WorkLane(std::size_t threads, std::size_t most_waiting);
  ~WorkLane();
  WorkLane(const WorkLane&) = delete;
  WorkLane& operator=(const WorkLane&) = delete;

  // False when as many wait as may, or after close(): the job is not taken. Any thread.
  bool add(Job job);
  // Waits for the jobs that run, calls those that wait with Turn::closing, and ends the threads.
  void close();

 private:
  void serve();

  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace nicsentry
