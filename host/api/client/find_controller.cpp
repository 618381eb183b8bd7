// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/client/find_controller.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "host/base/error.h"
#include "host/base/other_user.h"
#include "host/base/unique_fd.h"
#include "host/datapath/interface.h"
#include "host/datapath/port_lease.h"
#include "host/ports/other_namespaces.h"
#include "host/ports/port_claim.h"

namespace nicsentry {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookAgain = 50ms;

struct Listener {
  int pid = 0;
  std::string socket;
};

// "controller-123.sock": 123. Nothing for another name.
std::optional<int> pid_of_socket(std::string_view name) {
  constexpr std::string_view kBefore = "controller-";
  constexpr std::string_view kBehind = ".sock";
  if (!name.starts_with(kBefore) || !name.ends_with(kBehind)) {
    return std::nullopt;
  }
  name.remove_prefix(kBefore.size());
  name.remove_suffix(std::min(name.size(), kBehind.size()));
  int pid = 0;
  const auto [rest, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return failure == std::errc() && rest == name.data() + name.size() ? std::optional(pid) : std::nullopt;
}

enum class Answering { yes, refused, forbidden, unknown };

// Only the socket itself tells whether its controller lives: a pid may be another process's by now.
Answering answering(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Answering::unknown;
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    return Answering::unknown;
  }
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return Answering::yes;
  }
  // EAGAIN: somebody listens, and others wait there.
  switch (errno) {
    case EAGAIN:
      return Answering::yes;
    case ECONNREFUSED:
      return Answering::refused;
    case EACCES:
      return Answering::forbidden;
    default:
      return Answering::unknown;
  }
}

// Every controller's socket in the runtime directory, whether or not somebody listens at it, by pid.
std::vector<Listener> sockets_of_controllers() {
  const std::filesystem::path directory = runtime_directory();
  std::error_code failure;
  std::vector<Listener> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
    if (const auto pid = pid_of_socket(entry.path().filename().string())) {
      found.push_back({*pid, entry.path().string()});
    }
  }
  if (failure) {
    throw SystemError(failure.value(), "looking for controllers in " + directory.string());
  }
  std::sort(found.begin(), found.end(), [](const Listener& a, const Listener& b) { return a.pid < b.pid; });
  return found;
}

uid_t owner_of(const std::string& path) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0 ? found.st_uid : 0;
}

std::vector<Listener> listening_controllers() {
  std::vector<Listener> found;
  for (const Listener& listener : sockets_of_controllers()) {
    switch (answering(listener.socket)) {
      case Answering::yes:
        found.push_back(listener);
        break;
      case Answering::forbidden:
        throw SystemError(EACCES, "asking the controller at " + listener.socket, needs_user(owner_of(listener.socket)));
      case Answering::refused:
      case Answering::unknown:
        break;
    }
  }
  return found;
}

// Those of this network namespace, and those without a port.
std::vector<Listener> controllers_here() {
  std::vector<Listener> found = listening_controllers();
  const std::vector<RunElsewhere> elsewhere = runs_elsewhere();
  std::erase_if(found, [&elsewhere](const Listener& one) {
    return std::any_of(elsewhere.begin(), elsewhere.end(),
                       [&one](const RunElsewhere& run) { return run.pid == one.pid; });
  });
  return found;
}

// A run that was just started in the background needs a moment until it claims its port.
constexpr std::chrono::milliseconds kUntilClaimed = 500ms;

bool process_is_gone(int pid) { return kill(pid, 0) != 0 && errno == ESRCH; }

// "process 12 (eth0, eth1)"; ports of other network namespaces have no name here.
std::string described(const Listener& controller, const std::vector<Interface>& interfaces) {
  std::string ports;
  for (const Interface& port : interfaces) {
    const auto found = read_port_record(port);
    if (found && found->running && found->record.pid == controller.pid) {
      ports += (ports.empty() ? " (" : ", ") + port.name;
    }
  }
  return "process " + std::to_string(controller.pid) + ports + (ports.empty() ? "" : ")");
}

bool any_port_is_claimed() {
  const std::vector<Interface> interfaces = list_interfaces();
  return std::any_of(interfaces.begin(), interfaces.end(), [](const Interface& port) {
    const auto found = read_port_record(port);
    return found && found->running;
  });
}

NotFound not_watched(const std::string& interface) {
  const std::string hint = hint_at_runs_elsewhere(interface);
  return NotFound("no controller watches " + interface + " (start one with: nicsentry run -i " + interface + ")" +
                  (hint.empty() ? "" : "\n  " + hint));
}

// A run claims its port first; its record and its socket follow. Until then the record is empty, or a dead run's.
std::string socket_of_port(const std::string& interface, std::chrono::milliseconds patience) {
  const Interface port = find_port(interface);
  const auto begun = SteadyClock::now();
  const auto until = begun + patience;
  while (true) {
    const auto found = read_port_record(port);
    if (!found || !found->running) {
      if (SteadyClock::now() < begun + std::min(patience, kUntilClaimed)) {
        std::this_thread::sleep_for(kLookAgain);
        continue;
      }
      if (const auto holder = find_lease_holder(port)) {
        throw NotFound("the controller of " + interface + ", process " + std::to_string(holder->pid) +
                       ", has another runtime directory: " + holder->directory + " (see NICSENTRY_RUNTIME_DIR)");
      }
      throw not_watched(interface);
    }
    const std::string& socket = found->record.socket;
    if (!socket.empty() && answering(socket) == Answering::yes) {
      return socket;
    }
    if (SteadyClock::now() >= until) {
      throw Unavailable("the controller of " + interface + " is starting; try again");
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace

void remove_dead_sockets() {
  for (const Listener& listener : sockets_of_controllers()) {
    // With its process there it may be about to listen.
    if (answering(listener.socket) == Answering::refused && process_is_gone(listener.pid)) {
      unlink(listener.socket.c_str());
    }
  }
}

std::string find_controller(const std::string& interface, std::chrono::milliseconds patience) {
  if (!interface.empty()) {
    return socket_of_port(interface, patience);
  }
  const auto begun = SteadyClock::now();
  std::vector<Listener> running = controllers_here();
  while (running.empty() &&
         SteadyClock::now() < begun + (any_port_is_claimed() ? patience : std::min(patience, kUntilClaimed))) {
    std::this_thread::sleep_for(kLookAgain);
    running = controllers_here();
  }
  if (running.empty()) {
    const std::string hint = hint_at_runs_elsewhere("");
    throw NotFound("no controller runs (start one with: nicsentry run -i PORT)" + (hint.empty() ? "" : "\n  " + hint));
  }
  if (running.size() > 1) {
    std::string list;
    const std::vector<Interface> interfaces = list_interfaces();
    for (const Listener& controller : running) {
      list += (list.empty() ? "" : ", ") + described(controller, interfaces);
    }
    throw Error(std::to_string(running.size()) + " controllers run: " + list + "; say which with -i PORT");
  }
  return running.front().socket;
}

}  // namespace nicsentry
