// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/netlink_dump.h"

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "host/base/error.h"

namespace nicsentry {
namespace {

using Take = std::function<void(const nlmsghdr&)>;

constexpr std::size_t kBuffer = std::size_t{32} << 10;  // the kernel fills as much as it is given

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

int call(const nlmsghdr* message, void* take) {
  (*static_cast<const Take*>(take))(*message);
  return MNL_CB_OK;
}

}  // namespace

void netlink_dump(int bus, std::uint16_t type, std::span<const std::byte> request, const std::string& what,
                  const Take& take) {
  const std::unique_ptr<mnl_socket, CloseSocket> socket(mnl_socket_open2(bus, SOCK_CLOEXEC));
  if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    throw SystemError(errno, "reading " + what);
  }
  alignas(nlmsghdr) std::array<char, kBuffer> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message->nlmsg_seq = 1;
  void* body = mnl_nlmsg_put_extra_header(message, request.size());
  std::copy(request.begin(), request.end(), static_cast<std::byte*>(body));
  if (mnl_socket_sendto(socket.get(), message, message->nlmsg_len) < 0) {
    throw SystemError(errno, "reading " + what);
  }
  const unsigned port = mnl_socket_get_portid(socket.get());
  int more = MNL_CB_OK;
  while (more > MNL_CB_STOP) {
    const ssize_t bytes = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) {
      continue;
    }
    more = bytes < 0
               ? MNL_CB_ERROR
               : mnl_cb_run(buffer.data(), static_cast<std::size_t>(bytes), 1, port, &call, const_cast<Take*>(&take));
  }
  if (more == MNL_CB_ERROR) {
    throw SystemError(errno, "reading " + what);
  }
}

}  // namespace nicsentry
