// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/service_manager.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "host/base/error.h"
#include "host/base/number_text.h"

namespace nicsentry {
namespace {

constexpr timeval kLongestWait{5, 0};                        // for room in the manager's queue, before the loop runs
constexpr std::uint64_t kLongestWatchdogUs = 3'600'000'000;  // more often than asked for is allowed
constexpr std::size_t kLongestStatus = 1000;                 // systemd takes 4096 bytes a message

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// "/run/systemd/notify", or "@name" in the abstract namespace, which begins with a zero byte.
std::optional<std::pair<sockaddr_un, socklen_t>> notify_address(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() < 2 || name.size() >= sizeof(address.sun_path) || (name[0] != '/' && name[0] != '@')) {
    return std::nullopt;
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') {
    address.sun_path[0] = 0;
  }
  // The zero byte behind a path belongs to it; an abstract name ends with the length.
  const std::size_t length = offsetof(sockaddr_un, sun_path) + name.size() + (name[0] == '/' ? 1 : 0);
  return std::pair(address, static_cast<socklen_t>(length));
}

std::string status_line(const std::string& status) { return "STATUS=" + status.substr(0, kLongestStatus); }

}  // namespace

ServiceManager::ServiceManager(std::function<void(const std::string&)> warning)
    : warning_(std::move(warning)), socket_name_(variable("NOTIFY_SOCKET")) {
  if (socket_name_.empty()) {
    return;
  }
  if (!notify_address(socket_name_)) {
    warn("NOTIFY_SOCKET: read '" + socket_name_ + "', allowed is a path or @NAME; the service manager is told nothing");
    socket_name_.clear();
    return;
  }
  socket_ = UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_) {
    warn(SystemError(errno, "making a socket for the service manager at " + socket_name_).what());
    socket_name_.clear();
    return;
  }
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &kLongestWait, sizeof(kLongestWait));
  const std::string limit = variable("WATCHDOG_USEC");
  const std::string pid = variable("WATCHDOG_PID");
  if (limit.empty() || (!pid.empty() && pid != std::to_string(getpid()))) {
    return;  // the watchdog of a parent is not this process's
  }
  const auto microseconds = parse_number<std::uint64_t>(limit);
  if (!microseconds || *microseconds == 0) {
    warn("WATCHDOG_USEC: read '" + limit + "', allowed is a number above 0; the watchdog is not fed");
    return;
  }
  watchdog_ = std::chrono::microseconds(std::min(*microseconds, kLongestWatchdogUs));
}

void ServiceManager::ready(const std::string& status) {
  const bool in_loop = std::exchange(started_, true);
  send("READY=1\n" + status_line(status), in_loop ? Wait::no : Wait::briefly);
}

void ServiceManager::status(const std::string& status) { send(status_line(status), Wait::no); }

void ServiceManager::reloading() {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(EventLoop::Clock::now().time_since_epoch());
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()), Wait::no);
}

void ServiceManager::stopping() {
  if (!std::exchange(stopping_, true)) {
    send("STOPPING=1\nSTATUS=ending: the last window is closed" + std::string(watchdog_ ? "\nWATCHDOG_USEC=0" : ""),
         Wait::no);
    watchdog_.reset();
  }
}

void ServiceManager::feed_from(EventLoop& loop) {
  if (watchdog_) {
    loop.add_timer(EventLoop::Clock::now(), [this](EventLoop::Clock::time_point now) {
      if (!watchdog_) {
        return EventLoop::kNever;
      }
      send("WATCHDOG=1", Wait::no);
      return now + std::max(*watchdog_ / 2, std::chrono::microseconds(1));
    });
  }
}

// A manager that was started anew has another socket of the same name: the name is looked up each time.
void ServiceManager::send(const std::string& message, Wait wait) {
  const auto address = notify_address(socket_name_);
  if (!address) {
    return;
  }
  const int flags = MSG_NOSIGNAL | (wait == Wait::no ? MSG_DONTWAIT : 0);
  const auto* place = reinterpret_cast<const sockaddr*>(&address->first);
  if (sendto(socket_.get(), message.data(), message.size(), flags, place, address->second) < 0) {
    const int code = errno;
    warn(SystemError(code, "telling the service manager at " + socket_name_ + " '" +
                               message.substr(0, message.find('\n')) + "'")
             .what());
  }
}

void ServiceManager::warn(const std::string& text) {
  if (!std::exchange(warned_, true)) {
    warning_(text);
  }
}

}  // namespace nicsentry
