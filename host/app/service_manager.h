// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "host/base/unique_fd.h"
#include "host/run/event_loop.h"

namespace nicsentry {

// Tells the service manager that started the process how it stands: systemd's protocol of sd_notify(3), one datagram a
// message. Without one (NOTIFY_SOCKET is not set) nothing is sent. What cannot be sent is warned of once, and ends
// nothing. For the loop's thread.
class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  explicit ServiceManager(std::function<void(const std::string&)> warning);

  // Before the loop runs, and after reloading(). The first call waits for room in the manager's queue for 5 s at most.
  void ready(const std::string& status);
  void status(const std::string& status);
  void reloading();  // ready() follows
  // Takes the watchdog off as well: the loop no longer turns at the end. The first call counts.
  void stopping();

  // Feeds the watchdog, if there is one, each half of its time from a timer of the loop: a loop that stands still feeds
  // nothing.
  void feed_from(EventLoop& loop);

 private:
  enum class Wait { no, briefly };
  void send(const std::string& message, Wait wait);
  void warn(const std::string& text);

  std::function<void(const std::string&)> warning_;
  std::string socket_name_;
  UniqueFd socket_;
  std::optional<std::chrono::microseconds> watchdog_;
  bool warned_ = false;
  bool started_ = false;
  bool stopping_ = false;
};

}  // namespace nicsentry
