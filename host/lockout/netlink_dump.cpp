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

enum class Kind : std::uint16_t { list = NLM_F_DUMP, one = 0 };

// The errno value of the kernel's answer, 0 where there was no error; EINTR: the list changed while it was read
// (NLM_F_DUMP_INTR).
int ask(int bus, std::uint16_t type, Kind kind, std::span<const std::byte> request, const std::string& what,
        const Take& take) {
  const std::unique_ptr<mnl_socket, CloseSocket> socket(mnl_socket_open2(bus, SOCK_CLOEXEC));
  if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    throw SystemError(errno, "reading " + what);
  }
  alignas(nlmsghdr) std::array<char, kBuffer> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | static_cast<std::uint16_t>(kind));
  message->nlmsg_seq = 1;
  void* body = mnl_nlmsg_put_extra_header(message, request.size());
  std::copy(request.begin(), request.end(), static_cast<std::byte*>(body));
  if (mnl_socket_sendto(socket.get(), message, message->nlmsg_len) < 0) {
    throw SystemError(errno, "reading " + what);
  }
  const unsigned port = mnl_socket_get_portid(socket.get());
  while (true) {
    const ssize_t bytes = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) {
      continue;
    }
    if (bytes < 0) {
      throw SystemError(errno, "reading " + what);
    }
    const int more =
        mnl_cb_run(buffer.data(), static_cast<std::size_t>(bytes), 1, port, &call, const_cast<Take*>(&take));
    if (more == MNL_CB_ERROR) {
      return errno;
    }
    if (more == MNL_CB_STOP || kind == Kind::one) {
      return 0;
    }
  }
}

}  // namespace

void netlink_dump(int bus, std::uint16_t type, std::span<const std::byte> request, const std::string& what,
                  const Take& take) {
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    const int failure = ask(bus, type, Kind::list, request, what, take);
    if (failure == 0) {
      return;
    }
    if (failure != EINTR) {
      throw SystemError(failure, "reading " + what);
    }
  }
}

bool netlink_get(int bus, std::uint16_t type, std::span<const std::byte> request, const std::string& what,
                 const Take& take) {
  return ask(bus, type, Kind::one, request, what, take) == 0;
}

}  // namespace nicsentry
