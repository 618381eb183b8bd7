// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>

namespace nicsentry {

// Where a run's messages to its user go. Any thread may call them; none may wait.
struct Messages {
  std::function<void(const std::string&)> info;
  std::function<void(const std::string&)> warning;
  std::function<void(const std::string&)> error;
};

}  // namespace nicsentry
