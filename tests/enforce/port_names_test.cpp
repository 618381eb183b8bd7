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

TEST_CASE("a name that rules have of a port that is gone is told, one of a port that is renamed itself is not") {
  ChainRules chain;
  chain.rules.resize(3);
  chain.rules[0].match.in.names = {"eth1"};
  chain.rules[1].match.in.except = {"eth0", "eth1"};
  CHECK(taken_names(chain, {{"eth0", "eth1"}}) == std::map<std::string, std::size_t>{{"eth1", 2}});
  CHECK(taken_names(chain, {{"eth0", "eth1"}, {"eth1", "eth0"}}).empty());
  CHECK(taken_names(chain, {{"eth0", "lan0"}}).empty());
}

}  // namespace nicsentry::port_names_test
