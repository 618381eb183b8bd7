// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/socket_owner.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <vector>

#include "host/base/unique_fd.h"
#include "host/lockout/plain_address.h"

using namespace nicsentry;
using namespace nicsentry::polycube;

namespace {

struct Connected {
  Connected()
      : listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(bind(listener.get(), plain, size) == 0);
    REQUIRE(listen(listener.get(), 1) == 0);
    REQUIRE(getsockname(listener.get(), plain, &size) == 0);
    server_end.port = ntohs(address.sin_port);
    REQUIRE(connect(client.get(), plain, size) == 0);
    accepted = UniqueFd(accept(listener.get(), plain, &size));
    client_end.port = ntohs(address.sin_port);
    client_end.address = server_end.address = parse_address("127.0.0.1").value();
  }

  UniqueFd listener;
  UniqueFd client;
  UniqueFd accepted;
  Endpoint server_end;
  Endpoint client_end;
};

}  // namespace

TEST_CASE("the owner of a client's socket is the user that opened it", "[polycube]") {
  const Connected connected;
  CHECK(owner_of_socket(connected.client_end, connected.server_end) == geteuid());
}

TEST_CASE("the process of a client's socket is found by the socket's inode", "[polycube]") {
  Connected connected;
  const auto socket = find_socket(connected.client_end, connected.server_end);
  REQUIRE(socket);
  CHECK(process_with_socket(socket->inode) == getpid());
  connected.client = UniqueFd();
  CHECK_FALSE(process_with_socket(socket->inode));
}

TEST_CASE("a socket that was closed has no owner, though the kernel says root", "[polycube]") {
  Connected connected;
  connected.client = UniqueFd();
  CHECK_FALSE(owner_of_socket(connected.client_end, connected.server_end));
  connected.accepted = UniqueFd();  // the client's end is in TIME_WAIT now
  CHECK_FALSE(owner_of_socket(connected.client_end, connected.server_end));
}

TEST_CASE("a socket that still connects is not the one of a connection that stands", "[polycube]") {
  const Connected connected;  // fills the queue of its listener, apart from one
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(connected.server_end.port);
  std::vector<UniqueFd> clients;
  int state = TCP_ESTABLISHED;
  while (state != TCP_SYN_SENT && clients.size() < 100) {
    clients.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    connect(clients.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
    tcp_info info{};
    socklen_t size = sizeof(info);
    REQUIRE(getsockopt(clients.back().get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
    state = info.tcpi_state;
  }
  REQUIRE(state == TCP_SYN_SENT);
  sockaddr_in own{};
  socklen_t size = sizeof(own);
  REQUIRE(getsockname(clients.back().get(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
  CHECK_FALSE(owner_of_socket({connected.client_end.address, ntohs(own.sin_port)}, connected.server_end));
}

TEST_CASE("an IPv4 client with an IPv6 socket has an owner, too", "[polycube]") {
  const Connected connected;
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(connected.server_end.port);
  REQUIRE(inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr) == 1);
  const UniqueFd client(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  socklen_t size = sizeof(address);
  REQUIRE(connect(client.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(client.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const Endpoint end{connected.client_end.address, ntohs(address.sin6_port)};
  CHECK(owner_of_socket(end, connected.server_end) == geteuid());
}

TEST_CASE("a listening socket is nobody's connection", "[polycube]") {
  const Connected connected;
  Endpoint other = connected.client_end;
  other.port = static_cast<std::uint16_t>(other.port ^ 1U);
  CHECK_FALSE(owner_of_socket(connected.server_end, other));
}
