// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>

#include "host/app/messages.h"

namespace nicsentry {

// Messages to the user go to stderr; `quiet` leaves warnings, errors and the records of packets that rules log.
void set_up_log(bool quiet);
void log_info(const std::string& text);
void log_warning(const std::string& text);
void log_error(const std::string& text);
void log_packet(const std::string& text);

// The functions above.
Messages log_messages();

// While it lives, messages wait for nobody: they go to stderr through a bounded queue and a thread of its own. Where
// stderr stands still, the oldest are lost, and their number is written later. After set_up_log().
class LogQueue {
 public:
  LogQueue();
  ~LogQueue();
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nicsentry
