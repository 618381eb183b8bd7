// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/systemd_unit.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <system_error>

#include "host/base/error.h"

namespace nicsentry {
namespace {

// Returns the exit status.
int call_systemctl(const std::vector<std::string>& words) {
  std::vector<std::string> copies{"systemctl"};
  copies.insert(copies.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  std::transform(copies.begin(), copies.end(), std::back_inserter(arguments),
                 [](std::string& one) { return one.data(); });
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (const int failure = posix_spawnp(&child, "systemctl", nullptr, nullptr, arguments.data(), environ);
      failure != 0) {
    throw SystemError(failure, "calling systemctl");
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      throw SystemError(errno, "waiting for systemctl");
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

bool systemd_runs() {
  std::error_code none;
  return std::filesystem::is_directory("/run/systemd/system", none);
}

std::string unit_of_port(const std::string& port) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string name = "nicsentry@";
  for (std::size_t i = 0; i < port.size(); ++i) {
    const auto byte = static_cast<unsigned char>(port[i]);
    const bool plain = std::isalnum(byte) != 0 || byte == ':' || byte == '_' || (byte == '.' && i != 0);
    if (plain && byte < 0x80) {
      name += port[i];
    } else {
      name += std::string("\\x") + kDigits[byte >> 4U] + kDigits[byte & 15U];
    }
  }
  return name + ".service";
}

void systemctl(const std::vector<std::string>& words) {
  if (const int status = call_systemctl(words); status != 0) {
    std::string line = "systemctl";
    for (const std::string& word : words) {
      line += " " + word;
    }
    throw Error(line + " failed (exit status " + std::to_string(status) + "); its reason: journalctl -u '" +
                words.back() + "'");
  }
}

}  // namespace nicsentry
