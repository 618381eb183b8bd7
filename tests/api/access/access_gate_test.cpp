// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/access/access_gate.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "host/base/error.h"
#include "host/lockout/plain_address.h"
#include "tests/api/http_test_client.h"

namespace nicsentry::access_gate_test {
namespace {

using Catch::Contains;

const std::string kReader = "reader-reader-reader-0";
const std::string kAdmin = "admin-admin-admin-admin";

Endpoint end_of(const std::string& address, std::uint16_t port) { return {parse_address(address).value(), port}; }

struct Asking {
  Arrival arrival{end_of("127.0.0.1", 9443), end_of("127.0.0.1", 40000), {"localhost:9443"}, {}, {}};
  AccessGate::Options options{};
  std::vector<std::string> said{};

  // 0: it is let through.
  unsigned judged() {
    options.refused = [this](const std::string& text) { said.push_back(text); };
    options.changed = [this](const std::string& text) { said.push_back(text); };
    AccessGate gate(options, parse_tokens("read " + kReader + "\nadmin " + kAdmin + " alice\n", "tokens"));
    const auto response = gate.judge(arrival);
    return response ? response->status : 0;
  }
  unsigned with(Access access, const std::string& authorization) {
    arrival.access = access;
    arrival.authorization = {authorization};
    return judged();
  }
};

}  // namespace

TEST_CASE("a token's role says what it may ask for") {
  Asking asking;
  CHECK(asking.with(Access::read, "Bearer " + kReader) == 0);
  CHECK(asking.with(Access::read, "bearer  " + kAdmin) == 0);
  CHECK(asking.with(Access::admin, "Bearer " + kAdmin) == 0);
  CHECK(asking.with(Access::admin, "Bearer " + kReader) == 403);
  const std::vector<std::string> wrong_ones = {kReader,
                                               "Bearer",
                                               "Bearer ",
                                               "Bearer x",
                                               "Basic " + kAdmin,
                                               "Bearer " + kAdmin + "x",
                                               "Bearer " + kAdmin.substr(1),
                                               "Bearer " + kAdmin + kAdmin,
                                               ""};
  for (const std::string& wrong : wrong_ones) {
    INFO(wrong);
    CHECK(asking.with(Access::read, wrong) == 401);
  }
  asking.arrival.authorization = {"Bearer " + kAdmin, "Bearer " + kAdmin};
  CHECK(asking.judged() == 401);
  asking.arrival.authorization.clear();
  CHECK(asking.judged() == 401);
  asking.arrival.access = Access::anyone;
  CHECK(asking.judged() == 0);
}

TEST_CASE("the role of a client is its token's; without one it reads") {
  AccessGate gate({}, parse_tokens("read " + kReader + "\nadmin " + kAdmin + "\n", "tokens"));
  Arrival arrival = Asking{}.arrival;
  CHECK(gate.role(arrival) == Access::read);
  arrival.authorization = {"Bearer " + kReader};
  CHECK(gate.role(arrival) == Access::read);
  arrival.authorization = {"Bearer " + kAdmin};
  CHECK(gate.role(arrival) == Access::admin);
}

TEST_CASE("a stranger's request neither steers a terminal nor fills the log") {
  Asking asking;
  asking.arrival.method = "G\x1b[31mET";
  asking.arrival.path = "/\x1b[2J\r\n\x9b\xff\x7f" + std::string(20'000, 'a');
  CHECK(asking.judged() == 401);
  REQUIRE(asking.said.size() == 1);
  for (const char byte : asking.said[0]) {
    CHECK((byte >= ' ' && byte <= '~'));
  }
  CHECK_THAT(asking.said[0], Contains("G\\u001b[31mET /\\u001b[2J\\r\\n"));
  CHECK(asking.said[0].size() < 500);
}

TEST_CASE("no message has a token, and a change names whose token asked for it") {
  Asking asking;
  asking.arrival.method = "POST";
  asking.arrival.path = "/api/v1/rules/ingress/batch";
  CHECK(asking.with(Access::admin, "Bearer " + kReader) == 403);
  CHECK(asking.with(Access::admin, "Bearer " + kAdmin) == 0);
  CHECK(asking.with(Access::admin, "Bearer wrong-wrong-wrong-wrong") == 401);
  REQUIRE(asking.said.size() == 3);
  CHECK_THAT(asking.said[0], Contains("token 1") && Contains("may read, and change nothing"));
  CHECK_THAT(asking.said[1], Contains("POST /api/v1/rules/ingress/batch: by the token 'alice'"));
  for (const std::string& text : asking.said) {
    CHECK_THAT(text, !Contains(kReader) && !Contains(kAdmin) && !Contains("wrong-wrong"));
  }
}

TEST_CASE("without a token only clients of the loopback interface read, and no proxy") {
  Asking asking;
  asking.options.open_read = true;
  asking.arrival.access = Access::read;
  CHECK(asking.judged() == 0);
  asking.arrival.access = Access::admin;
  CHECK(asking.judged() == 401);
  asking.arrival.access = Access::read;
  asking.arrival.forwarded = true;
  CHECK(asking.judged() == 401);
  asking.arrival.forwarded = false;
  asking.arrival.remote = end_of("192.0.2.1", 40000);
  CHECK(asking.judged() == 401);
  CHECK(asking.with(Access::read, "Bearer wrong-wrong-wrong-wrong") == 401);
  asking.arrival.remote = end_of("127.0.0.1", 40000);
  CHECK(asking.judged() == 401);  // whoever shows a token is judged by it
}

TEST_CASE("a request names this host, and no page of another origin sends it") {
  Asking asking;
  asking.arrival.access = Access::anyone;
  asking.options.hosts = {"sentry.example"};
  for (const char* host :
       {"localhost", "127.0.0.1:9443", "[::1]:9443", "127.0.0.2", "LOCALHOST:1", "Sentry.Example:9443"}) {
    INFO(host);
    asking.arrival.host = {host};
    CHECK(asking.judged() == 0);
  }
  for (const char* host : {"evil.example", "sentry.example.evil.example", "192.0.2.1", "", "localhost:x", "[::1"}) {
    INFO(host);
    asking.arrival.host = {host};
    CHECK(asking.judged() == 403);
  }
  asking.arrival.host = {};
  CHECK(asking.judged() == 403);
  asking.arrival.host = {"localhost", "localhost"};
  CHECK(asking.judged() == 403);
  asking.arrival.host = {"localhost:9443"};
  asking.arrival.origin = {"http://localhost:9443"};
  CHECK(asking.judged() == 0);
  for (const char* origin : {"https://localhost:9443", "http://localhost", "http://evil.example", "null"}) {
    asking.arrival.origin = {origin};
    CHECK(asking.judged() == 403);
  }
  asking.options.tls = true;
  asking.arrival.origin = {"https://localhost:9443"};
  CHECK(asking.judged() == 0);
  asking.arrival.fetch_site = {"cross-site"};
  CHECK(asking.judged() == 403);
}

TEST_CASE("an address has so many requests a second; others are not held up") {
  RateLimit rate;
  const auto begin = RateLimit::Clock::now();
  const IpAddress one = parse_address("192.0.2.1").value();
  unsigned taken = 0;
  for (int i = 0; i < 2000; ++i) {
    taken += rate.take(one, begin) ? 1 : 0;
  }
  CHECK(taken == RateLimit::kAtOnce);
  CHECK(rate.take(parse_address("192.0.2.2").value(), begin));
  CHECK_FALSE(rate.take(one, begin + std::chrono::milliseconds(1)));
  CHECK(rate.take(one, begin + std::chrono::milliseconds(30)));
  taken = 0;
  for (int i = 0; i < 2000; ++i) {
    taken += rate.take(one, begin + std::chrono::hours(1)) ? 1 : 0;
  }
  CHECK(taken == RateLimit::kAtOnce);
}

TEST_CASE("a file of tokens is refused where others may read it, or a line is wrong") {
  const TestDirectory directory;
  const auto path = directory.path() / "tokens";
  const auto write = [&path](const std::string& text, mode_t mode) {
    std::ofstream(path) << text;
    REQUIRE(chmod(path.c_str(), mode) == 0);
  };
  write("# of two\n\n  read " + kReader + "\nadmin " + kAdmin + " alice\n", 0600);
  const Tokens tokens = read_token_file(path);
  REQUIRE(tokens.size() == 2);
  CHECK(tokens[0].name == "token 1");
  CHECK(tokens[1].name == "alice");
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U}) {
    write("read " + kReader, mode);
    CHECK_THROWS_WITH(read_token_file(path), Contains("chmod 600"));
  }
  CHECK_THROWS_AS(read_token_file(directory.path() / "none"), SystemError);
  CHECK_THROWS_WITH(read_token_file(directory.path()), Contains("it is no file") || Contains("chmod 600"));
  for (const std::string& wrong :
       {std::string(), std::string("# none"), "write " + kReader, std::string("read short"), "read " + kReader + " a b",
        "read " + kReader + "\nadmin " + kReader, "read " + kReader + "\"", std::string("read ====================")}) {
    INFO(wrong);
    CHECK_THROWS_AS(parse_tokens(wrong, "tokens"), Error);
    try {
      parse_tokens(wrong, "tokens");
    } catch (const Error& error) {
      CHECK_THAT(error.what(), !Contains(kReader));
    }
  }
}

}  // namespace nicsentry::access_gate_test
