// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>

namespace nicsentry {

// Under which terms a change of rules or sets is asked for.
struct ChangeTerms {
  bool yes = false;  // also if it cuts off what this host depends on
  // Taken back after this time, unless it is confirmed.
  std::optional<std::chrono::nanoseconds> confirm;
  std::optional<pid_t> caller;  // the process that asks
};

}  // namespace nicsentry
