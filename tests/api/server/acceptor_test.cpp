// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/acceptor.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "host/base/unique_fd.h"
#include "tests/api/http_test_client.h"

namespace nicsentry::testing {
namespace {

using namespace std::chrono_literals;

UniqueFd listener_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(listen(fd.get(), 16) == 0);
  return fd;
}

// libmicrohttpd does so where it has no memory for a connection.
TEST_CASE("connections that are closed before they start do not keep later ones out", "[server]") {
  const TestDirectory directory;
  const std::string path = (directory.path() / "listener.sock").string();
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t taken = 0;
  Acceptor acceptor(listener_at(path), {2, "", 0}, [&](int connection, const sockaddr_storage&, socklen_t) {
    const UniqueFd dropped(connection);
    const std::lock_guard lock(mutex);
    ++taken;
    changed.notify_all();
    return true;
  });
  acceptor.start();
  std::vector<HttpTestClient> clients;
  for (int i = 0; i < 5; ++i) {
    clients.emplace_back(path);
  }
  std::unique_lock lock(mutex);
  CHECK(changed.wait_for(lock, 30s, [&taken] { return taken == 5; }));
}

}  // namespace
}  // namespace nicsentry::testing
