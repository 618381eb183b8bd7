// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/client/find_controller.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/datapath/interface.h"
#include "host/ports/port_claim.h"

namespace nicsentry {
namespace {

struct Controller {
  int pid = 0;
  std::string socket;
};

// Of "controller-123.sock".
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

// A killed controller leaves its socket, and its pid may be another process's by now: only the socket itself tells. One
// at which nobody listens and whose process is gone is removed; with the process there it may be about to listen.
bool somebody_listens(const std::string& path, int pid) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return false;
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd && (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 || errno == EAGAIN)) {
    return true;  // EAGAIN: somebody does, and others wait there
  }
  if (errno == ECONNREFUSED && kill(pid, 0) != 0 && errno == ESRCH) {
    unlink(path.c_str());
  }
  return false;
}

std::vector<Controller> running_controllers() {
  const std::filesystem::path directory = runtime_directory();
  std::error_code failure;
  std::vector<Controller> running;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
    const auto pid = pid_of_socket(entry.path().filename().string());
    if (pid && somebody_listens(entry.path().string(), *pid)) {
      running.push_back({*pid, entry.path().string()});
    }
  }
  if (failure) {
    throw SystemError(failure.value(), "looking for controllers in " + directory.string());
  }
  std::sort(running.begin(), running.end(), [](const Controller& a, const Controller& b) { return a.pid < b.pid; });
  return running;
}

// "process 12 (eth0, eth1)"; ports of other network namespaces have no name here.
std::string described(const Controller& controller, const std::vector<Interface>& interfaces) {
  std::string ports;
  for (const Interface& port : interfaces) {
    const auto found = read_port_record(port);
    if (found && found->running && found->record.pid == controller.pid) {
      ports += (ports.empty() ? " (" : ", ") + port.name;
    }
  }
  return "process " + std::to_string(controller.pid) + ports + (ports.empty() ? "" : ")");
}

}  // namespace

void remove_dead_sockets() { running_controllers(); }

std::string find_controller(const std::string& interface) {
  if (!interface.empty()) {
    const auto found = read_port_record(find_interface(interface));
    if (!found || !found->running) {
      throw Error("no controller watches " + interface + " (start one with: nicsentry run -i " + interface + ")");
    }
    return found->record.socket;
  }
  const std::vector<Controller> running = running_controllers();
  if (running.empty()) {
    throw Error("no controller runs (start one with: nicsentry run -i PORT)");
  }
  if (running.size() > 1) {
    std::string list;
    const std::vector<Interface> interfaces = list_interfaces();
    for (const Controller& controller : running) {
      list += (list.empty() ? "" : ", ") + described(controller, interfaces);
    }
    throw Error(std::to_string(running.size()) + " controllers run: " + list + "; say which with -i PORT");
  }
  return running.front().socket;
}

}  // namespace nicsentry
