// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/caller.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

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

std::vector<TcpSocket> connections_of_caller(pid_t process, const std::vector<TcpSocket>& sockets) {
  constexpr int kAncestorsMost = 64;  // a parent may end, and its number be given away, meanwhile
  std::set<std::uint32_t> inodes;
  for (int i = 0; i < kAncestorsMost && process > 1; ++i) {
    add_socket_inodes(process, inodes);
    process = parent_of(process);
  }
  std::vector<TcpSocket> found;
  std::copy_if(sockets.begin(), sockets.end(), std::back_inserter(found),
               [&inodes](const TcpSocket& socket) { return inodes.contains(socket.inode); });
  return found;
}

}  // namespace nicsentry
