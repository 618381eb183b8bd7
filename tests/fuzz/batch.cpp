// SPDX-License-Identifier: GPL-2.0-or-later
// A batch of rules as text: it is applied, or refused with an error. Each rule that is in force then is read again from
// its own JSON as the same rule.
#include "host/rules/language/batch.h"

#include <string_view>

#include "host/base/json_reading.h"
#include "host/rules/language/rule_text.h"
#include "tests/fuzz/fuzz.h"

namespace {

constexpr nicsentry::TimestampNs kNow = 1'700'000'000'000'000'000;

nicsentry::ChainRules two_rules() {
  nicsentry::ChainRules chain;
  for (std::uint16_t port = 1; port <= 2; ++port) {
    nicsentry::Rule rule;
    rule.match.destination_ports = {nicsentry::PortRange{port, port}};
    chain.rules.push_back(rule);
  }
  return chain;
}

void check(const nicsentry::ChainRules& chain) {
  for (std::size_t id = 0; id < chain.rules.size(); ++id) {
    nicsentry::RuleErrors errors;
    const auto text = nicsentry::rule_json(chain.rules[id], id, kNow).dump();
    const nicsentry::Rule again = nicsentry::parse_rule(nlohmann::json::parse(text), kNow, errors);
    nicsentry::fuzz::require(errors.empty(), "a rule's JSON is read without errors");
    nicsentry::fuzz::require(again.match == chain.rules[id].match, "a rule read again matches the same packets");
    nicsentry::fuzz::require(again.action == chain.rules[id].action, "a rule read again has the same action");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    check(nicsentry::apply_batch(two_rules(), nicsentry::parse_batch(nicsentry::parse_json(text), kNow),
                                 {"blocked", "one"}));
  } catch (const nicsentry::Error& error) {
    nicsentry::fuzz::require(error.what()[0] != '\0', "an error has a text");
  }
  return 0;
}
