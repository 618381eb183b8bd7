// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace nicsentry::programs {

struct ChildLimits {
  std::chrono::seconds processor{20};
  std::chrono::seconds time{60};       // of the clock: longer, as others use the processor, too
  std::size_t memory = 1UL << 30;      // address space, bytes
  std::size_t output = 16UL << 20;     // standard output, bytes
  std::size_t messages = 256UL << 10;  // standard error, bytes
};

struct ConfinedCommand {
  std::filesystem::path program;       // below /usr
  std::vector<std::string> arguments;  // without the program's name
  std::string input;                   // on standard input
  std::filesystem::path source;        // a directory that the child sees as /source; empty: none
  ChildLimits limits;
};

struct ChildOutput {
  bool succeeded = false;
  std::string failure;  // how it ended otherwise: "exit status 1", "it took longer than 60 s", ...
  std::string output;
  std::string messages;  // standard error
};

// Runs a program as user nobody, without capabilities, network and files: it sees /usr/bin, /usr/include and the
// libraries, all read-only, and `source`. /headers/uapi is /usr/include. Throws SystemError where it cannot be
// confined.
ChildOutput run_confined(const ConfinedCommand& command);

}  // namespace nicsentry::programs
