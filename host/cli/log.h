// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/app/messages.h"

namespace nicsentry {

// The form of messages. `automatic`: `journal` where standard error is journald's, else `plain`.
enum class LogFormat : std::uint8_t { automatic, plain, json, journal };
LogFormat parse_log_format(const std::string& name);  // "auto", "plain", "json", "journal"; throws Error

struct LogSettings {
  bool quiet = false;  // only warnings, errors and the records of packets that rules log
  LogFormat format = LogFormat::plain;
  std::vector<std::string> ports{};  // that messages are about
};

// Messages to the user go to standard error, or to journald with fields.
void set_up_log(const LogSettings& settings);
inline void set_up_log(bool quiet) { set_up_log(LogSettings{quiet}); }
void set_log_level(bool quiet);  // after set_up_log(); any thread
void log_info(const std::string& text);
void log_warning(const std::string& text);
void log_error(const std::string& text);
void log_packet(const std::string& text);

// The functions above.
Messages log_messages();

// While it lives, messages wait for nobody: they go out through a bounded queue and a thread of its own. Where standard
// error stands still, the oldest are lost, and their number is written later. After set_up_log().
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
