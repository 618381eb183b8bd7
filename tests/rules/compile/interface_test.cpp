// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "host/rules/compile/compile.h"
#include "host/rules/compile/hidden_rules.h"
#include "host/rules/language/batch.h"

namespace nicsentry::interface_test {
namespace {

ChainRules chain_of(const nlohmann::json& rules) {
  nlohmann::json operations = rules;
  for (auto& rule : operations) rule["operation"] = "append";
  return apply_batch({}, parse_batch({{"rules", operations}}, 0), {});
}

std::vector<std::uint32_t> rules_on(const ChainRules& chain, std::optional<std::string> interface) {
  CompileInput input;
  input.rules = &chain;
  input.interface = std::move(interface);
  return compile_chain(input).bit_rules;
}

using Numbers = std::vector<std::uint32_t>;

const nlohmann::json kRules = {{{"in", "eth0"}, {"src", "10.0.0.0/8"}},
                               {{"in", {"eth0", "eth1"}}, {"src", "10.0.0.0/8"}},
                               {{"in", "!eth0"}, {"src", "10.0.0.0/8"}},
                               {{"src", "10.0.0.0/8"}}};

}  // namespace

TEST_CASE("the tables of a port hold the rules for it and for all ports") {
  const ChainRules chain = chain_of(kRules);
  CHECK(rules_on(chain, "eth0") == Numbers{0, 1, 3});
  CHECK(rules_on(chain, "eth1") == Numbers{1, 2, 3});
  CHECK(rules_on(chain, "eth2") == Numbers{2, 3});
  CHECK(rules_on(chain, std::nullopt) == Numbers{0, 1, 2, 3});
  CHECK(asks_interface(chain));
  CHECK_FALSE(asks_interface(chain_of({{{"src", "10.0.0.0/8"}}})));
}

TEST_CASE("a rule for one port hides no rule for another") {
  const ChainRules chain = chain_of(kRules);
  CompileInput input;
  input.rules = &chain;
  CHECK(hidden_rules(input).empty());
  const ChainRules same =
      chain_of({{{"in", "eth0"}}, {{"in", "eth0"}, {"dport", 80}}, {{"in", "eth1"}, {"dport", 80}}});
  input.rules = &same;
  const auto hidden = hidden_rules(input);
  REQUIRE(hidden.size() == 1);
  CHECK(hidden[0].rule == 1);
}

TEST_CASE("in is for the ingress chain and out for the egress chain") {
  CHECK_NOTHROW(check_interfaces(Chain::ingress, chain_of(kRules).rules));
  CHECK_THROWS_WITH(check_interfaces(Chain::egress, chain_of(kRules).rules),
                    Catch::Contains("rule with id 0: in: allowed in the ingress chain only"));
  CHECK_THROWS_WITH(check_interfaces(Chain::ingress, chain_of({{{"out", "eth0"}}}).rules),
                    Catch::Contains("out: allowed in the egress chain only"));
}

TEST_CASE("a name that is none of an interface is refused") {
  for (const nlohmann::json& wrong :
       {nlohmann::json(""), nlohmann::json("!"), nlohmann::json("a name"), nlohmann::json("sixteen-letters-"),
        nlohmann::json("a/b"), nlohmann::json(5), nlohmann::json::array(), nlohmann::json({"eth0", ".."})}) {
    INFO(wrong);
    CHECK_THROWS_WITH(chain_of({{{"in", wrong}}}), Catch::Contains("in: read"));
  }
}

}  // namespace nicsentry::interface_test
