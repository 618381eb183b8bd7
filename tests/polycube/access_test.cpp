// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/access.h"

#include <catch2/catch.hpp>

#include "host/lockout/plain_address.h"

using namespace nicsentry;
using namespace nicsentry::polycube;

namespace {

constexpr uid_t kRoot = 0;
constexpr uid_t kMonitoring = 998;
constexpr uid_t kSomebody = 1000;

Endpoint end_of(const std::string& address, std::uint16_t port) { return {parse_address(address).value(), port}; }

struct Asking {
  Arrival arrival{end_of("127.0.0.1", 9000), end_of("127.0.0.1", 40000), {"localhost:9000"}, {}, {}};
  AccessRules rules{end_of("127.0.0.1", 9000), {kMonitoring}, false};
  std::optional<uid_t> owner = kRoot;

  std::optional<std::string> refused() const {
    return refusal(arrival, rules, [this](const Endpoint& local, const Endpoint& remote) {
      CHECK(local == arrival.remote);  // the client's socket, not the server's
      CHECK(remote == arrival.local);
      return owner;
    });
  }
};

}  // namespace

TEST_CASE("root's and an allowed user's clients are taken, others are not", "[polycube]") {
  Asking asking;
  CHECK_FALSE(asking.refused());
  asking.owner = kMonitoring;
  CHECK_FALSE(asking.refused());
  asking.owner = kSomebody;
  CHECK(asking.refused() == "user 1000 is not allowed; root is, and whom --allow-user names");
}

TEST_CASE("a client whose socket no process has any more is refused", "[polycube]") {
  Asking asking;
  asking.owner = std::nullopt;
  CHECK(asking.refused() == "the client has closed its socket");
}

TEST_CASE("clients beyond the loopback interface are taken with --insecure alone", "[polycube]") {
  Asking asking;
  asking.arrival.local = end_of("192.0.2.1", 9000);
  asking.arrival.remote = end_of("192.0.2.2", 40000);
  asking.arrival.host = {"192.0.2.1:9000"};
  asking.rules.address = end_of("192.0.2.1", 9000);
  CHECK(asking.refused() == "only clients of the loopback interface are taken");
  asking.rules.insecure = true;
  CHECK_FALSE(asking.refused());
}

TEST_CASE("a client of another address of this machine is not on the loopback interface", "[polycube]") {
  Asking asking;
  asking.arrival.remote = end_of("192.0.2.1", 40000);  // 127.0.0.1 can be reached from there
  CHECK(asking.refused());
  asking.arrival = Asking().arrival;
  asking.arrival.local = end_of("192.0.2.1", 9000);
  CHECK(asking.refused());
}

TEST_CASE("with --insecure a client on the loopback interface is still asked who it is", "[polycube]") {
  Asking asking;
  asking.rules.insecure = true;
  asking.owner = kSomebody;
  CHECK(asking.refused());
}

TEST_CASE("the header Host must name this host by an address or as localhost", "[polycube]") {
  struct Row {
    std::vector<std::string> host;
    bool taken;
  };
  const Row rows[] = {
      {{"localhost"}, true},
      {{"localhost:9000"}, true},
      {{"127.0.0.1:9000"}, true},
      {{"127.1.2.3"}, true},
      {{"[::1]:9000"}, true},
      {{"[::1]"}, true},
      {{"evil.example:9000"}, false},
      {{"localhost.evil.example"}, false},
      {{"127.0.0.1.evil.example"}, false},
      {{"192.0.2.1:9000"}, false},  // an address, but not this service's
      {{"localhost:"}, false},
      {{"localhost:9000:1"}, false},
      {{"localhost:99999"}, false},
      {{"[::1]x"}, false},
      {{"[::1"}, false},
      {{""}, false},
      {{}, false},
      {{"localhost", "localhost"}, false},
  };
  for (const Row& row : rows) {
    Asking asking;
    asking.arrival.host = row.host;
    INFO((row.host.empty() ? "none" : row.host.front()));
    CHECK(asking.refused().has_value() != row.taken);
  }
}

TEST_CASE("what a page of another origin or site sends is refused", "[polycube]") {
  struct Row {
    std::vector<std::string> origin;
    std::vector<std::string> site;
    bool taken;
  };
  const Row rows[] = {
      {{}, {}, true},
      {{"http://localhost:9000"}, {"same-origin"}, true},
      {{}, {"none"}, true},
      {{"http://evil.example"}, {}, false},
      {{"https://localhost:9000"}, {}, false},
      {{"http://localhost:9001"}, {}, false},
      {{"null"}, {}, false},
      {{"http://localhost:9000", "http://evil.example"}, {}, false},
      {{}, {"cross-site"}, false},
      {{}, {"same-site"}, false},
  };
  for (const Row& row : rows) {
    Asking asking;
    asking.arrival.origin = row.origin;
    asking.arrival.fetch_site = row.site;
    INFO((row.origin.empty() ? "no origin" : row.origin.front())
         << ", " << (row.site.empty() ? "no site" : row.site.front()));
    CHECK(asking.refused().has_value() != row.taken);
  }
}
