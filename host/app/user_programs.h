// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/report/window_report.h"

namespace nicsentry {

// Knows which programs of users are on their hooks, whoever loaded them: a thread of its own looks once a second.
class UserPrograms {
 public:
  // `warning` is told when it cannot look, once for each reason.
  explicit UserPrograms(std::function<void(const std::string&)> warning);
  ~UserPrograms();
  UserPrograms(const UserPrograms&) = delete;
  UserPrograms& operator=(const UserPrograms&) = delete;

  // Returns the programs found last on these ports. Waits for nobody. Any thread.
  std::vector<UserProgram> on(const std::vector<std::string>& ports) const;
  // Those that are loaded for these ports, and off their hooks. Waits for nobody. Any thread.
  struct Off {
    UserProgram program;
    TimestampNs since_ns = 0;  // when it was noticed
  };
  std::vector<Off> off(const std::vector<std::string>& ports) const;
  // Looks now, unless another process has the programs. Any thread but the loop's.
  void look();

 private:
  void look_again_and_again();

  std::function<void(const std::string&)> warning_;
  std::mutex looking_;   // one look at a time, so that an older one does not replace a newer one
  std::string why_not_;  // of the last look
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<UserProgram> found_;
  std::vector<Off> off_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace nicsentry
