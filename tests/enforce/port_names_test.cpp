// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/port_names.h"

#include <catch2/catch.hpp>

namespace nicsentry::port_names_test {

TEST_CASE("rules follow ports to their new names, also where names are exchanged, and have none twice") {
  ChainRules chain;
  chain.rules.resize(4);
  chain.rules[0].match.in.names = {"eth0"};
  chain.rules[1].match.in.except = {"eth1", "eth2"};
  chain.rules[2].match.out.names = {"eth1", "eth0"};
  CHECK(rename_ports(chain, {{"eth7", "lan0"}}) == 0);
  CHECK(rename_ports(chain, {{"eth0", "eth1"}, {"eth1", "eth0"}}) == 3);
  CHECK(chain.rules[0].match.in.names == std::vector<std::string>{"eth1"});
  CHECK(chain.rules[1].match.in.except == std::vector<std::string>{"eth0", "eth2"});
  CHECK(chain.rules[2].match.out.names == std::vector<std::string>{"eth0", "eth1"});
  CHECK(chain.rules[3].match.in.any());
  CHECK(rename_ports(chain, {{"eth2", "eth0"}}) == 1);
  CHECK(chain.rules[1].match.in.except == std::vector<std::string>{"eth0"});
}

}  // namespace nicsentry::port_names_test
