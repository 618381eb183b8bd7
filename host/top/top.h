// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "host/api/json/change_query.h"
#include "host/top/snapshot.h"

namespace nicsentry::top {

struct TopOptions {
  std::string interface;  // empty: the only run
  std::chrono::milliseconds every{1000};
  Question question;
  std::string lifetime;  // of blocks, as it was given
  std::optional<std::chrono::nanoseconds> block_for;
  ChangeQuery terms;  // of changes
};

// Shows what a run sees, in the terminal, until a key or a signal ends it. SIGINT, SIGTERM, SIGQUIT and SIGHUP are
// blocked in all threads (block_service_signals()). The terminal is as before when it returns or throws. Throws Error
// where standard input and output are no terminal, and where the run does not answer the first question.
void run_top(const TopOptions& options);

}  // namespace nicsentry::top
