// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/socket_owner.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>

#include "host/base/number_text.h"
#include "host/lockout/netlink_dump.h"

namespace nicsentry::polycube {
namespace {

bool holds(const std::filesystem::path& process, const std::string& socket) {
  std::error_code failure;
  for (std::filesystem::directory_iterator file(process / "fd", failure), end; !failure && file != end;
       file.increment(failure)) {
    std::error_code closed;
    if (std::filesystem::read_symlink(file->path(), closed) == socket) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<SocketOwner> find_socket(const Endpoint& local, const Endpoint& remote) {
  inet_diag_req_v2 request{};
  request.sdiag_family = local.address.version == 4 ? AF_INET : AF_INET6;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~std::uint32_t{0};
  request.id.idiag_sport = htons(local.port);
  request.id.idiag_dport = htons(remote.port);
  const std::size_t bytes = local.address.version == 4 ? sizeof(in_addr) : sizeof(in6_addr);
  std::memcpy(&request.id.idiag_src, local.address.bytes.data(), bytes);
  std::memcpy(&request.id.idiag_dst, remote.address.bytes.data(), bytes);
  request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  std::optional<SocketOwner> owner;
  netlink_get(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, std::as_bytes(std::span(&request, 1)), "the client's TCP socket",
              [&](const nlmsghdr& message) {
                if (mnl_nlmsg_get_payload_len(&message) < sizeof(inet_diag_msg)) {
                  return;
                }
                const auto& socket = *static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&message));
                // Where nobody is connected with these ends, the kernel may answer with a listening socket. One that
                // still connects is another connection's than the one that is asked about.
                const bool connected = socket.id.idiag_sport == request.id.idiag_sport &&
                                       socket.id.idiag_dport == request.id.idiag_dport &&
                                       socket.idiag_state != TCP_SYN_SENT;
                if (socket.idiag_inode != 0 && connected) {
                  owner = SocketOwner{socket.idiag_uid, socket.idiag_inode};
                }
              });
  return owner;
}

std::optional<uid_t> owner_of_socket(const Endpoint& local, const Endpoint& remote) {
  const auto owner = find_socket(local, remote);
  return owner ? std::optional(owner->user) : std::nullopt;
}

std::optional<pid_t> process_with_socket(std::uint32_t inode) {
  const std::string socket = "socket:[" + std::to_string(inode) + "]";
  std::error_code failure;
  for (std::filesystem::directory_iterator process("/proc", failure), end; !failure && process != end;
       process.increment(failure)) {
    const auto id = parse_number<pid_t>(process->path().filename().string());
    if (id && holds(process->path(), socket)) {
      return id;
    }
  }
  return std::nullopt;
}

}  // namespace nicsentry::polycube
