// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/resolvers.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace nicsentry::resolvers_test {
namespace {

TEST_CASE("name servers of a resolv.conf are found among its other lines") {
  const std::string text =
      "# nameserver 192.0.2.1\n; nameserver 192.0.2.2\nsearch example.org\nnameserver 192.0.2.3\n"
      "  nameserver\t2001:db8::53 trailing\nnameserver fe80::1%eth0\noptions edns0\nnameserver\nnameserver here\n"
      "nameservers 192.0.2.4\nnameserver 192.0.2.5";
  std::vector<std::string> found;
  for (const IpAddress& address : parse_resolv_conf(text)) {
    found.push_back(address.text());
  }
  CHECK(found == std::vector<std::string>{"192.0.2.3", "2001:db8::53", "fe80::1", "192.0.2.5"});
  CHECK(parse_resolv_conf("").empty());
}

}  // namespace
}  // namespace nicsentry::resolvers_test
