// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/client/unread.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <charconv>
#include <filesystem>
#include <system_error>

namespace nicsentry {
namespace {

bool has_unread(int socket) {
  int bytes = 0;
  return ioctl(socket, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

std::optional<pid_t> process_at(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  const bool known = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0;
  return known ? std::optional(peer.pid) : std::nullopt;
}

// The numbers of open descriptors that the limit allows; 0 where they cannot be seen.
rlim_t open_below(pid_t process, rlim_t limit) {
  std::error_code unknown;
  rlim_t open = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd", unknown)) {
    const std::string name = entry.path().filename().string();
    rlim_t number = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec == std::errc() && number < limit) {
      ++open;
    }
  }
  return unknown ? 0 : open;
}

}  // namespace

std::optional<std::string> why_unread(int socket) {
  const auto process = has_unread(socket) ? process_at(socket) : std::nullopt;
  rlimit limit{};
  if (!process || prlimit(*process, RLIMIT_NOFILE, nullptr, &limit) != 0 ||
      open_below(*process, limit.rlim_cur) < limit.rlim_cur) {
    return std::nullopt;
  }
  return "process " + std::to_string(*process) + " has no free file descriptor: it may have " +
         std::to_string(limit.rlim_cur) + " (prlimit --nofile --pid " + std::to_string(*process) + ")";
}

}  // namespace nicsentry
