// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/socket_owner.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>

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

TEST_CASE("a socket that was closed has no owner, though the kernel says root", "[polycube]") {
  Connected connected;
  connected.client = UniqueFd();
  CHECK_FALSE(owner_of_socket(connected.client_end, connected.server_end));
  connected.accepted = UniqueFd();  // the client's end is in TIME_WAIT now
  CHECK_FALSE(owner_of_socket(connected.client_end, connected.server_end));
}

TEST_CASE("a listening socket is nobody's connection", "[polycube]") {
  const Connected connected;
  Endpoint other = connected.client_end;
  other.port = static_cast<std::uint16_t>(other.port ^ 1U);
  CHECK_FALSE(owner_of_socket(connected.server_end, other));
}
