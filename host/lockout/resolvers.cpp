// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/resolvers.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "host/base/unique_fd.h"
#include "host/lockout/plain_address.h"

namespace nicsentry {
namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr const char* kAskedByResolved = "/run/systemd/resolve/resolv.conf";
constexpr std::uint16_t kDnsPort = 53;

std::string content_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool is_loopback(const IpAddress& address) {
  IpAddress one;
  one.version = 6;
  one.bytes.back() = 1;
  return address.version == 4 ? address.bytes[0] == IN_LOOPBACKNET : address == one;
}

// The address of this host that packets to `remote` carry. Asks the kernel; sends nothing.
std::optional<IpAddress> local_end(const IpAddress& remote) {
  const bool v4 = remote.version == 4;
  const UniqueFd fd(socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 v6_end{};
  sockaddr_in v4_end{};
  v6_end.sin6_family = AF_INET6;
  v6_end.sin6_port = htons(kDnsPort);
  std::memcpy(&v6_end.sin6_addr, remote.bytes.data(), sizeof(v6_end.sin6_addr));
  v4_end.sin_family = AF_INET;
  v4_end.sin_port = htons(kDnsPort);
  std::memcpy(&v4_end.sin_addr, remote.bytes.data(), sizeof(v4_end.sin_addr));
  auto* end = v4 ? reinterpret_cast<sockaddr*>(&v4_end) : reinterpret_cast<sockaddr*>(&v6_end);
  socklen_t size = v4 ? sizeof(v4_end) : sizeof(v6_end);
  if (!fd || connect(fd.get(), end, size) != 0 || getsockname(fd.get(), end, &size) != 0) {
    return std::nullopt;
  }
  IpAddress local;
  local.version = remote.version;
  if (v4) {
    std::memcpy(local.bytes.data(), &v4_end.sin_addr, sizeof(v4_end.sin_addr));
  } else {
    std::memcpy(local.bytes.data(), &v6_end.sin6_addr, sizeof(v6_end.sin6_addr));
  }
  return local;
}

}  // namespace

std::vector<IpAddress> parse_resolv_conf(const std::string& text) {
  std::vector<IpAddress> servers;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key;
    std::string value;
    words >> key >> value;
    if (key != "nameserver") {
      continue;
    }
    if (const auto address = parse_address(value)) {
      servers.push_back(*address);
    }
  }
  return servers;
}

std::vector<Resolver> read_resolvers() {
  std::vector<IpAddress> servers = parse_resolv_conf(content_of(kResolvConf));
  if (std::all_of(servers.begin(), servers.end(), is_loopback)) {
    servers = parse_resolv_conf(content_of(kAskedByResolved));
  }
  std::vector<Resolver> resolvers;
  for (const IpAddress& server : servers) {
    if (const auto local = local_end(server)) {
      resolvers.push_back({server, *local});
    }
  }
  return resolvers;
}

}  // namespace nicsentry
