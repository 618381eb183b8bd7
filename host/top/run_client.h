// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "host/api/json/change_query.h"
#include "host/top/snapshot.h"
#include "host/top/view.h"

namespace nicsentry::top {

// An answer to a question: one of the three.
struct Reply {
  Question question;
  std::optional<Snapshot> snapshot;
  std::string refusal;  // the question is wrong
  std::string failure;  // the run does not answer
};

// Asks the run that watches a port, whichever it is at that time: a run that was started again has another socket. For
// one thread.
class RunClient {
 public:
  explicit RunClient(std::string interface) : interface_(std::move(interface)) {}

  // Throws as Controller does. `stop` ends it within a second.
  Snapshot ask(const Question& question, const std::stop_token& stop = {});
  // The same without exceptions.
  Reply reply(const Question& question, const std::stop_token& stop);
  // Blocks or unblocks, and says how that went. `lifetime` is that of a block.
  ChangeResult perform(const Change& change, const std::optional<std::chrono::nanoseconds>& lifetime,
                       const ChangeQuery& terms, const std::stop_token& stop);

 private:
  void find();

  std::string interface_;
  std::string socket_;   // empty: to be found
  std::string version_;  // of the run there
};

}  // namespace nicsentry::top
