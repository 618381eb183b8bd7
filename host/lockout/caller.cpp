// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/caller.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include "host/lockout/plain_address.h"

namespace nicsentry {
namespace {

std::filesystem::path directory_of(pid_t process) { return "/proc/" + std::to_string(process); }

// 0: none, or it cannot be read.
pid_t parent_of(pid_t process) {
  std::ifstream file(directory_of(process) / "stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // "PID (NAME) STATE PPID ...": a name may hold parentheses.
  const std::size_t name_end = text.rfind(')');
  constexpr std::size_t kToParent = 4;
  pid_t parent = 0;
  if (name_end != std::string::npos && name_end + kToParent < text.size()) {
    std::from_chars(text.data() + name_end + kToParent, text.data() + text.size(), parent);
  }
  return parent;
}

std::optional<TcpSocket> ssh_connection_of(pid_t process) {
  constexpr std::string_view kPrefix = "SSH_CONNECTION=";
  std::ifstream file(directory_of(process) / "environ");
  for (std::string variable; std::getline(file, variable, '\0');) {
    if (variable.starts_with(kPrefix)) {
      return parse_ssh_connection(variable.substr(kPrefix.size()));
    }
  }
  return std::nullopt;
}

void add_socket_inodes(pid_t process, std::set<std::uint32_t>& inodes) {
  constexpr std::string_view kSocket = "socket:[";
  std::error_code failure;
  for (std::filesystem::directory_iterator file(directory_of(process) / "fd", failure), end; !failure && file != end;
       file.increment(failure)) {
    std::error_code closed;
    const std::string target = std::filesystem::read_symlink(file->path(), closed).string();
    std::uint32_t inode = 0;
    if (target.starts_with(kSocket)) {
      std::from_chars(target.data() + kSocket.size(), target.data() + target.size(), inode);
      inodes.insert(inode);
    }
  }
}

}  // namespace

std::optional<TcpSocket> parse_ssh_connection(const std::string& text) {
  std::istringstream words(text);
  std::string client;
  std::string server;
  TcpSocket socket;
  socket.accepted = true;
  words >> client >> socket.remote.port >> server >> socket.local.port;
  const auto remote = parse_address(client);
  const auto local = parse_address(server);
  if (!words || !remote || !local) {
    return std::nullopt;
  }
  socket.remote.address = *remote;
  socket.local.address = *local;
  return socket;
}

std::string ssh_connection_text(const TcpSocket& socket) {
  return socket.remote.address.text() + " " + std::to_string(socket.remote.port) + " " + socket.local.address.text() +
         " " + std::to_string(socket.local.port);
}

std::vector<TcpSocket> connections_of_caller(pid_t process, const std::vector<TcpSocket>& sockets) {
  constexpr int kAncestorsMost = 64;  // a parent may end, and its number be given away, meanwhile
  std::set<std::uint32_t> inodes;
  std::vector<TcpSocket> found;
  for (int i = 0; i < kAncestorsMost && process > 1; ++i) {
    add_socket_inodes(process, inodes);
    if (const auto named = ssh_connection_of(process); named && found.empty()) {
      found.push_back(*named);
    }
    process = parent_of(process);
  }
  for (const TcpSocket& socket : sockets) {
    const bool known = std::any_of(found.begin(), found.end(), [&socket](const TcpSocket& one) {
      return one.local == socket.local && one.remote == socket.remote;
    });
    if (inodes.contains(socket.inode) && !known) {
      found.push_back(socket);
    }
  }
  return found;
}

}  // namespace nicsentry
