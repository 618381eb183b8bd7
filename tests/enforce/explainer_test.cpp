// SPDX-License-Identifier: GPL-2.0-or-later
// Explanations of packets against the plainest firewall there is; the program that is asked counts nothing of it.
#include "host/enforce/explainer.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/datapath/object_file.h"
#include "host/datapath/program.h"
#include "host/datapath/test_run.h"
#include "host/enforce/firewall.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/chain_settings.h"
#include "host/rules/language/rule_text.h"
#include "host/rules/verdict.h"
#include "host/sessions/fingerprint.h"
#include "tests/support/naive_firewall.h"
#include "tests/support/program_pool.h"
#include "tests/support/random_rules.h"
#include "tests/support/tries.h"

namespace nicsentry::testing {
namespace {

using nlohmann::json;

constexpr FirewallSize kSize{2 * 65536, 6 * 8192, 4096};
constexpr TableSize kSessions{64, 6};
LimitModel no_limits;  // of questions without a time

// A program that is on no port, with a firewall in charge of it.
class Loaded {
 public:
  explicit Loaded(Hook hook)
      : object(find_object(kSentry, hook == Hook::xdp ? Target::xdp : Target::tc)),
        program(pooled_program({.object = object,
                                .mode = hook == Hook::xdp ? Mode::drv : Mode::tc,
                                .size = kSessions,
                                .firewall = kSize})),
        firewall({kSize, std::nullopt, [](const std::string& text) { FAIL(text); }}),
        hook_(hook) {
    struct control now {};
    now.epoch = 1;
    now.config = kSessions.bucket_bits << CONFIG_BUCKET_BITS_SHIFT;
    std::copy(keys_.begin(), keys_.end(), now.keys);
    program.maps().write_control(now);
    firewall.add_attachment(program.shared_firewall(), chain_of(hook));
  }

  Explainer explainer() const { return {firewall, program.id(), object, hook_}; }
  void know(const SessionKey& key, std::uint32_t states) {
    const Fingerprint name = fingerprint(key, keys_);
    session_bucket bucket{};
    const auto words = name.words();
    std::copy(words.begin(), words.end(), bucket.slot[1].fingerprint);
    bucket.slot[1].state = SLOT_VALID | states << SLOT_STATE_SHIFT;
    program.maps().write_bucket(candidate_buckets(name, kSessions.bucket_bits).second, bucket);
  }

  std::filesystem::path object;
  Program program;
  Firewall firewall;

 private:
  Hook hook_;
  FingerprintKeys keys_ = following_keys(fixed_keys());  // not those of the copy
};

// Without those that the language refuses.
json batch_of(ChainRules& chain) {
  json operations = json::array();
  std::vector<Rule> kept;
  for (const Rule& rule : chain.rules) {
    json operation = rule_json(rule, 0, 0);
    operation.erase("id");
    RuleErrors errors;
    parse_rule(operation, 0, errors);
    if (errors.empty()) {
      operation["operation"] = "append";
      operations.push_back(operation);
      kept.push_back(rule);
    }
  }
  chain.rules = kept;
  return {{"rules", operations}, {"unjudged", unjudged_name(chain.drop_unjudged)}};
}

std::string text(const Explanation& seen) {
  return std::to_string(static_cast<int>(seen.by)) + (seen.dropped ? " drop" : " pass") + " rule " +
         (seen.rule ? std::to_string(*seen.rule) : "none");
}

void check(const Explanation& seen, const NaiveVerdict& verdict, const PacketFields& packet) {
  INFO(text(seen) << ", expected rule " << (verdict.rule ? std::to_string(*verdict.rule) : "none"));
  REQUIRE(seen.dropped == verdict.drop);
  REQUIRE(seen.rule == verdict.rule);
  REQUIRE(seen.counting == verdict.counting);
  REQUIRE(seen.by == (verdict.unjudged      ? DecidedBy::unjudged
                      : verdict.blocked     ? DecidedBy::blocked
                      : verdict.established ? DecidedBy::established
                      : verdict.rule        ? DecidedBy::rule
                                            : DecidedBy::by_default));
  if (verdict.unjudged) {
    CHECK(seen.cause == CAUSE_TRUNCATED);
    CHECK_FALSE(seen.packet.has_value());
    return;
  }
  REQUIRE(seen.packet.has_value());
  CHECK(seen.packet->source == packet.source);
  CHECK(seen.packet->destination == packet.destination);
  CHECK(seen.packet->protocol == packet.protocol);
  CHECK(seen.packet->state == packet.state);
  CHECK(seen.packet->header == packet.header);
  for (const FieldCheck& field : seen.checks) {
    INFO(field.field << ": packet " << field.seen << ", rule " << field.asked);
    CHECK(field.matches);
  }
  // Each rule before was passed over for a reason, or counts.
  if (verdict.rule) {
    CHECK(seen.before.size() + seen.counting.size() == *verdict.rule);
  }
}

// The host's verdict on rules that are not in force, held against what the program does with them.
void check_host(const ChainRules& chain, Chain which, const NaiveSets& sets, const Explanation& seen) {
  if (!seen.packet || seen.cause == CAUSE_LATER_FRAGMENT || seen.by == DecidedBy::unjudged) return;
  const InSet in_set = [&sets](const std::string& set, const IpAddress& address) {
    const auto found = sets.find(set);  // `allowed` has nothing
    return found != sets.end() && std::any_of(found->second.begin(), found->second.end(),
                                              [&](const AddressRange& range) { return range.contains(address); });
  };
  const Verdict verdict = verdict_of(chain, which, *seen.packet, in_set);
  CHECK(verdict.dropped == seen.dropped);
  CHECK(verdict.rule == seen.rule);
  CHECK(verdict.blocked == (seen.by == DecidedBy::blocked));
  for (const Rule& rule : chain.rules) {
    CHECK(matches(rule.match, *seen.packet, in_set) == !first_mismatch(rule.match, *seen.packet, in_set));
  }
}

// In a random state, in the program's table or with the question.
Question question_about(RandomRules& random, Loaded& loaded, RandomRules::Packet& packet) {
  Question question{packet.frame, std::nullopt, std::nullopt};
  PacketFields& fields = packet.fields;
  if (!fields.header || random.chance(40)) return question;
  const bool ports = fields.protocol == 6 || fields.protocol == 17;
  const auto state = static_cast<std::uint32_t>(random.below(4));
  const DirectedKey key =
      normalise({fields.source, static_cast<std::uint16_t>(ports ? fields.source_port : 0)},
                {fields.destination, static_cast<std::uint16_t>(ports ? fields.destination_port : 0)},
                static_cast<Protocol>(fields.protocol));
  if (random.chance(50)) {
    question.state = static_cast<ConnectionState>(state);
  } else {
    const auto other = static_cast<std::uint32_t>(random.below(4));
    loaded.know(key.key, key.direction == Direction::from_higher ? other | state << SLOT_STATE_BITS
                                                                 : state | other << SLOT_STATE_BITS);
  }
  if (state != STATE_NEW) fields.state = state_within(state, fields);
  return question;
}

void check_hook(Hook hook, std::uint64_t seed) {
  const int kRuleSets = tries(25);
  constexpr int kPackets = 80;
  const Chain which = chain_of(hook);
  Loaded loaded(hook);
  RandomRules random(seed);
  NaiveSets naive{{"blocked", {}}, {"one", {}}, {"two", {}}};
  ChangeTerms with_empty;
  with_empty.allow_empty = true;
  for (int number = 0; number < kRuleSets; ++number) {
    std::vector<AddressRange> edges;
    for (auto& [name, content] : naive) {
      content = random.ranges(random.below(name == "blocked" ? 3 : 12));
      std::vector<SetEntry> entries;
      for (const AddressRange& range : content) entries.push_back({range, {}});
      edges.insert(edges.end(), content.begin(), content.end());
      loaded.firewall.replace_set(name, entries, with_empty);
    }
    ChainRules chain = random.chain(random.below(60), {"one", "two", "blocked"}, RandomRules::Numbers::yes);
    loaded.firewall.replace_rules(which, parse_batch(batch_of(chain), loaded.firewall.now()));
    loaded.firewall.set_default(which, chain.default_action);
    loaded.firewall.accept_established(which, chain.accept_established);
    Explainer explainer = loaded.explainer();
    for (int i = 0; i < kPackets; ++i) {
      INFO("rule set " << number << ", packet " << i);
      RandomRules::Packet packet = random.packet(chain, edges);
      const Question question = question_about(random, loaded, packet);
      const auto seen = explainer.explain(std::span(&question, 1), true, no_limits);
      check(seen.at(0), judge(chain, which == Chain::egress, naive, packet.fields), packet.fields);
      check_host(chain, which, naive, seen.at(0));
    }
    loaded.program.maps().clear_buckets();
  }
  const Firewall::ChainView view = loaded.firewall.view(which);
  CHECK(view.by_default.packets + view.blocked.packets + view.established.packets + view.dropped.packets == 0);
  for (const rule_counter& count : view.counts) CHECK(count.packets == 0);
  for (const unsigned half : {0U, 1U}) {
    for (const totals_row& row : loaded.program.maps().read_totals(half)) CHECK(row.packets == 0);
  }
}

TEST_CASE("an explanation names what decides in a naive first match, and the program knows nothing of it") {
  check_hook(Hook::xdp, 11);
}

TEST_CASE("likewise of the egress chain, on TC") { check_hook(Hook::tc_egress, 12); }

TEST_CASE("what is no IP, or too short to be a frame, is said to meet no rule") {
  Loaded loaded(Hook::xdp);
  loaded.firewall.set_default(Chain::ingress, RuleAction::drop);
  const std::vector<Question> questions = {
      {PacketBuilder().ethertype(0x0806).transport(0, Bytes(28)).build(), {}, {}},
      {Bytes(9), {}, {}},
      {PacketBuilder()
           .addresses(parse_address_range("10.0.0.1").first, parse_address_range("10.0.0.2").first)
           .udp(1, 2)
           .payload(6000)
           .build(),
       {},
       {}}};
  const auto seen = loaded.explainer().explain(questions, true, no_limits);
  CHECK(seen.at(0).by == DecidedBy::nothing);
  CHECK_FALSE(seen.at(0).dropped);
  CHECK(seen.at(0).cause == CAUSE_NOT_IP);
  CHECK_FALSE(seen.at(0).packet);
  CHECK(seen.at(1).by == DecidedBy::unjudged);
  CHECK(seen.at(1).dropped);
  CHECK(seen.at(1).cause == CAUSE_TRUNCATED);
  // Longer than a test run takes.
  CHECK(seen.at(2).by == DecidedBy::by_default);
  CHECK(seen.at(2).dropped);
  CHECK_FALSE(seen.at(2).cause);
}

// The rules let the question in. In force the program would expect its answer; the copy is asked about each packet for
// itself.
TEST_CASE("what is said of a packet does not depend on the packets before it") {
  const auto inside = parse_address_range("10.0.0.1").first;
  const auto outside = parse_address_range("10.0.0.2").first;
  const Hook hook = GENERATE(Hook::xdp, Hook::tc_egress);
  Loaded loaded(hook);
  std::vector<Question> questions;
  for (std::uint16_t port = 1; port <= 40; ++port) {
    questions.push_back({PacketBuilder().addresses(inside, outside).udp(port, 53).build(), {}, {}});
    questions.push_back({PacketBuilder().addresses(outside, inside).udp(53, port).build(), {}, {}});
  }
  const auto seen = loaded.explainer().explain(questions, true, no_limits);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    INFO("packet " << i);
    CHECK(seen[i].by == DecidedBy::by_default);
    REQUIRE(seen[i].packet);
    CHECK(seen[i].packet->state == ConnectionState::new_session);
  }
}

TEST_CASE("an explanation names the limits of such packets, takes them for within the rate, and charges nothing") {
  Loaded loaded(Hook::xdp);
  const auto add = [](json rule) {
    rule["operation"] = "append";
    return rule;
  };
  loaded.firewall.apply(
      Chain::ingress,
      parse_batch({{"rules",
                    {add({{"dport", 80}, {"action", "limit"}, {"rate", "1/h"}, {"burst", 2}}),
                     add({{"l4proto", "UDP"}, {"action", "limit"}, {"rate", "1/h"}, {"burst", 3}, {"per", "source"}}),
                     add({{"l4proto", "UDP"}, {"dport", 53}, {"action", "accept"}}),
                     add({{"action", "limit"}, {"rate", "1/h"}}), add({{"action", "drop"}})}}},
                  0));
  Explainer explainer = loaded.explainer();
  const auto frame = [](std::uint16_t port) {
    return PacketBuilder()
        .addresses(parse_address_range("10.0.0.1").first, parse_address_range("192.0.2.1").first)
        .udp(40000, port)
        .build();
  };
  const auto explain = [&](std::uint16_t port, std::optional<ConnectionState> state) {
    const Question question{frame(port), state, {}};
    return explainer.explain({&question, 1}, true, no_limits).at(0);
  };
  using Rules = std::vector<std::size_t>;
  for (int i = 0; i < 8; ++i) {
    const Explanation dns = explain(53, std::nullopt);
    CHECK_FALSE(dns.dropped);
    CHECK(dns.rule == std::size_t{2});
    CHECK(dns.limiting == Rules{1});
    const Explanation web = explain(80, std::nullopt);
    CHECK(web.dropped);
    CHECK(web.rule == std::size_t{4});
    CHECK(web.limiting == Rules{0, 1, 3});
    const Explanation established = explain(53, ConnectionState::established);
    CHECK_FALSE(established.dropped);
    CHECK(established.by == DecidedBy::established);
    CHECK(established.limiting == Rules{1});
  }
  TestRun run(loaded.program);
  unsigned passed = 0;
  for (int i = 0; i < 8; ++i) passed += run.run(frame(53)) == XDP_PASS ? 1 : 0;
  CHECK(passed == 3);
}

TEST_CASE("a program of another build is not asked") {
  const Loaded loaded(Hook::xdp);
  CHECK_THROWS_WITH(Explainer(loaded.firewall, loaded.program.id(), find_object(kDdos, Target::xdp), Hook::xdp),
                    Catch::Contains("is another build than"));
}

}  // namespace
}  // namespace nicsentry::testing
