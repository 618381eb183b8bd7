// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/tcp_sockets.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <span>

#include "host/lockout/netlink_dump.h"

namespace nicsentry {
namespace {

// Ends to which the other one may still send, or from which it still expects something.
constexpr std::uint32_t kEstablished = 1U << TCP_ESTABLISHED | 1U << TCP_CLOSE_WAIT | 1U << TCP_FIN_WAIT1 |
                                       1U << TCP_FIN_WAIT2 | 1U << TCP_LAST_ACK | 1U << TCP_CLOSING;
constexpr std::uint32_t kListening = 1U << TCP_LISTEN;

IpAddress address_of(std::uint8_t family, const __be32 (&words)[4]) {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  IpAddress address;
  std::memcpy(address.bytes.data(), words, family == AF_INET ? 4 : sizeof(words));
  address.version = family == AF_INET ? 4 : 6;
  if (address.version == 6 && std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) {
    IpAddress inner;
    std::copy(address.bytes.begin() + kMapped.size(), address.bytes.end(), inner.bytes.begin());
    return inner;
  }
  return address;
}

// Calls act(socket) for each TCP socket of both families in one of the states.
template <typename Act>
void for_each_socket(std::uint32_t states, Act act) {
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    inet_diag_req_v2 request{};
    request.sdiag_family = family;
    request.sdiag_protocol = IPPROTO_TCP;
    request.idiag_states = states;
    netlink_dump(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, std::as_bytes(std::span(&request, 1)), "the TCP sockets",
                 [&act](const nlmsghdr& message) {
                   if (mnl_nlmsg_get_payload_len(&message) >= sizeof(inet_diag_msg)) {
                     act(*static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&message)));
                   }
                 });
  }
}

}  // namespace

std::vector<TcpSocket> established_sockets() {
  std::set<std::uint16_t> listening;
  for_each_socket(kListening, [&](const inet_diag_msg& socket) { listening.insert(ntohs(socket.id.idiag_sport)); });
  std::vector<TcpSocket> sockets;
  for_each_socket(kEstablished, [&](const inet_diag_msg& socket) {
    TcpSocket found;
    found.local = {address_of(socket.idiag_family, socket.id.idiag_src), ntohs(socket.id.idiag_sport)};
    found.remote = {address_of(socket.idiag_family, socket.id.idiag_dst), ntohs(socket.id.idiag_dport)};
    found.accepted = listening.contains(found.local.port);
    found.inode = socket.idiag_inode;
    if (found.local.address != found.remote.address) {
      sockets.push_back(found);
    }
  });
  return sockets;
}

}  // namespace nicsentry
