// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "host/lockout/caller.h"

namespace nicsentry {

// Under which terms a change of rules or sets is asked for.
struct ChangeTerms {
  bool yes = false;  // also if it cuts off what this host depends on
  // Taken back after this time, unless it is confirmed.
  std::optional<std::chrono::nanoseconds> confirm;
  Caller caller;
  bool shorten = false;      // entries of a set end as asked, also those that would end later
  bool allow_empty = false;  // a set that packets are judged by may be replaced by nothing
  // Called before anything is changed, while nobody else can change anything. Throws where the state is not the one
  // for which the change was meant. It may read rules and sets.
  std::function<void()> precondition{};

  void require() const {
    if (precondition) {
      precondition();
    }
  }
};

}  // namespace nicsentry
