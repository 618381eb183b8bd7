// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/change_guard.h"

#include <catch2/catch.hpp>

#include "host/lockout/plain_address.h"

using namespace nicsentry;
using namespace nicsentry::polycube;

namespace {

Request asked_by(const std::string& client, const std::string& yes) {
  Request request;
  request.method = "POST";
  request.query["yes"] = yes;
  request.connection = {{parse_address("192.0.2.1").value(), 9000}, {parse_address(client).value(), 40000}};
  return request;
}

}  // namespace

TEST_CASE("a client says yes by the query, or whoever starts the service for all of them", "[polycube]") {
  CHECK(terms_of(asked_by("192.0.2.9", "true"), ChangeGuard::on).yes);
  CHECK_FALSE(terms_of(asked_by("192.0.2.9", "false"), ChangeGuard::on).yes);
  CHECK_FALSE(terms_of(asked_by("192.0.2.9", ""), ChangeGuard::on).yes);
  CHECK(terms_of(asked_by("192.0.2.9", ""), ChangeGuard::off).yes);
  CHECK_FALSE(terms_of(Request{}, ChangeGuard::on).yes);
}

TEST_CASE("a client of another machine is known by its connection, one of this machine is not", "[polycube]") {
  const Caller caller = terms_of(asked_by("192.0.2.9", ""), ChangeGuard::on).caller;
  CHECK_FALSE(caller.process);
  REQUIRE(caller.connection);
  CHECK(caller.connection->accepted);
  CHECK(caller.connection->local == Endpoint{parse_address("192.0.2.1").value(), 9000});
  CHECK(caller.connection->remote == Endpoint{parse_address("192.0.2.9").value(), 40000});
  CHECK_FALSE(terms_of(asked_by("127.0.0.9", ""), ChangeGuard::on).caller.connection);
}

TEST_CASE("a refused client is told what would be cut off, and both ways to do it all the same", "[polycube]") {
  CHECK(refusal_text(LockOut({"the gateway 192.0.2.1 (blocked)", "ARP"})) ==
        "refused: it would cut off\n  the gateway 192.0.2.1 (blocked)\n  ARP\nNothing was changed. To do it all the "
        "same: ?yes=true behind the URL, or 'nicsentry serve --yes'.");
}
