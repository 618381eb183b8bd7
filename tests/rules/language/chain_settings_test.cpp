// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "host/base/error.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/chain_settings.h"
#include "host/rules/language/ether_type.h"

namespace nicsentry::chain_settings_test {
namespace {

using Catch::Matchers::Contains;
using nlohmann::json;

TEST_CASE("an EtherType is a name or a number, and no other text") {
  CHECK(parse_ether_type("ARP") == 0x0806);
  CHECK(parse_ether_type("lldp") == 0x88cc);
  CHECK(parse_ether_type("0x8864") == 0x8864);
  CHECK(parse_ether_type("0X88CC") == 0x88cc);
  CHECK(parse_ether_type("LLC") == kLlc);
  for (const char* wrong : {"", "0x", "0x1", "0x05ff", "0x10000", "0x12345", "88cc", "0x88cg", "IPv4", "0x0800",
                            "0x86dd", "0x8100", "0x88a8", "0x9100", " ARP"}) {
    INFO(wrong);
    CHECK_FALSE(parse_ether_type(wrong));
  }
}

TEST_CASE("what is printed of an EtherType is read as it") {
  for (unsigned type = kLastLength + 1; type <= 0xffff; ++type) {
    const auto number = static_cast<std::uint16_t>(type);
    if (const auto read = parse_ether_type(ether_type_text(number))) {
      CHECK(*read == number);
    }
  }
  CHECK(ether_type_text(kLlc) == "LLC");
}

TEST_CASE("non_ip is all or a list, sorted and without duplicates") {
  CHECK_FALSE(parse_non_ip("all").has_value());
  CHECK(parse_non_ip(json::array()) == std::vector<std::uint16_t>{});
  CHECK(parse_non_ip({"LLDP", "ARP", "0x0806"}) == std::vector<std::uint16_t>{0x0806, 0x88cc});
  CHECK(non_ip_json(parse_non_ip({"LLDP", "ARP", "0x9999"})) == nlohmann::ordered_json({"ARP", "LLDP", "0x9999"}));
  CHECK(non_ip_json(std::nullopt) == "all");
  CHECK_THROWS_WITH(parse_non_ip({"ARP", 5}), Contains("non_ip: read 5, allowed is"));
  CHECK_THROWS_WITH(parse_non_ip("none"), Contains("read \"none\""));
  CHECK_THROWS_WITH(parse_non_ip(json::array_t(65, "ARP")), Contains("allowed are 64 at most"));
}

TEST_CASE("a batch may have the settings of its chain beside the rules, and keeps those that it has not") {
  ChainRules chain;
  chain = apply_batch(chain, parse_batch({{"rules", json::array()}, {"unjudged", "pass"}, {"non_ip", {"ARP"}}}, 0), {});
  CHECK_FALSE(chain.drop_unjudged);
  CHECK(chain.non_ip == std::vector<std::uint16_t>{0x0806});
  chain = apply_batch(chain, parse_batch({{"rules", json::array()}}, 0), {});
  CHECK_FALSE(chain.drop_unjudged);
  CHECK(chain.non_ip == std::vector<std::uint16_t>{0x0806});
  chain = apply_batch(chain, parse_batch({{"rules", json::array()}, {"unjudged", "drop"}, {"non_ip", "all"}}, 0), {});
  CHECK(chain.drop_unjudged);
  CHECK_FALSE(chain.non_ip.has_value());
  CHECK_THROWS_WITH(parse_batch({{"rules", json::array()}, {"unjudged", "accept"}}, 0),
                    Contains("unjudged: read \"accept\", allowed is drop or pass"));
}

}  // namespace
}  // namespace nicsentry::chain_settings_test
