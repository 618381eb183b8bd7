// SPDX-License-Identifier: GPL-2.0-or-later
// Compares the verdict of the program in the kernel with that of the simplest possible firewall.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <random>

#include "tests/support/firewall_bench.h"
#include "tests/support/naive_firewall.h"
#include "tests/support/random_rules.h"
#include "tests/support/tries.h"

namespace nicsentry::testing {
namespace {

const std::size_t kRuleSets = tries<std::size_t>(1000);
constexpr std::size_t kPackets = 1000;  // for each rule set

constexpr std::array<std::uint32_t, FIREWALL_KEYS> kAddressKeys = {0x2545f491, 0x4f6cdd1d, 0x9e3779b9, 0x7f4a7c15};

std::string text(const PacketFields& p) {
  return p.source.text() + ":" + std::to_string(p.source_port) + " > " + p.destination.text() + ":" +
         std::to_string(p.destination_port) + " protocol " + std::to_string(p.protocol) + " flags " +
         std::to_string(p.tcp_flags) + " icmp " + std::to_string(p.icmp_type) + "/" + std::to_string(p.icmp_code) +
         " length " + std::to_string(p.length) + " dscp " + std::to_string(p.dscp) + " ttl " + std::to_string(p.ttl) +
         " vlan " + std::to_string(p.vlan) + (p.header ? "" : " no header") + " " + state_name(p.state);
}

std::optional<Protocol> tracked(const PacketFields& p) {
  if (!p.header) return std::nullopt;
  return static_cast<Protocol>(p.protocol);
}

// Makes the packet one of a known session in a random state. Returns the session's key.
std::optional<SessionKey> make_known(RandomRules& random, FirewallBench& bench, RandomRules::Packet& packet,
                                     Where where) {
  PacketFields& fields = packet.fields;
  const auto protocol = tracked(fields);
  if (!protocol || random.chance(50)) return std::nullopt;
  const bool ports = fields.protocol == 6 || fields.protocol == 17;
  const DirectedKey key =
      normalise({fields.source, static_cast<std::uint16_t>(ports ? fields.source_port : 0)},
                {fields.destination, static_cast<std::uint16_t>(ports ? fields.destination_port : 0)}, *protocol);
  const auto state = static_cast<std::uint32_t>(random.below(4));
  const auto other = static_cast<std::uint32_t>(random.below(4));
  const bool higher = key.direction == Direction::from_higher;
  bench.know(key.key, higher ? other | state << SLOT_STATE_BITS : state | other << SLOT_STATE_BITS);
  // The program treats packets of a new session like those of an unknown one.
  if (state != STATE_NEW) fields.state = state_within(state, fields, where);
  return key.key;
}

// Some rules limit. Those with an odd number find no token in any bucket, the others one in each.
void make_limits(RandomRules& random, ChainRules& chain) {
  unsigned limits = 0;
  for (Rule& rule : chain.rules) {
    if (limits < LIMITS && random.chance(12)) {
      rule.action = RuleAction::limit;
      rule.log_every = random.chance(30) ? 1 : 0;
      rule.limit = Limit{{1'000'000'000, 1, false}, 1'000'000'000, {}};
      rule.limit->key.per = static_cast<BucketKey::Per>(random.below(3));
      ++limits;
    }
  }
}

std::function<bool(std::size_t)> beyond_in(const ChainRules& chain) {
  return [&chain](std::size_t rule) {
    const auto end = chain.rules.begin() + static_cast<std::ptrdiff_t>(rule);
    return std::count_if(chain.rules.begin(), end, [](const Rule& one) { return one.action == RuleAction::limit; }) %
               2 ==
           1;
  };
}

void put_limit_tables(FirewallBench& bench) {
  constexpr std::uint64_t kDay = 86'400'000'000'000;
  const std::uint64_t now = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  const int full = bench.put_limit_table(0, 0);
  const int empty = bench.put_limit_table(0, 1);
  FirewallBench::set_all_times(empty, (now + kDay) << LIMIT_TIME_SHIFT);
  for (unsigned place = 2; place < 2 * LIMITS; ++place) {
    bench.put_limit_table(place / LIMITS, place % LIMITS, place % 2 == 0 ? full : empty);
  }
}

struct Expected {
  std::map<std::uint32_t, std::uint64_t> packets;  // by counter

  void add(const ChainRules& chain, const NaiveVerdict& verdict) {
    for (const std::size_t rule : verdict.counting) ++packets[chain.rules[rule].counter];
    ++packets[verdict.unjudged      ? COUNTER_UNJUDGED + CAUSE_TRUNCATED + 1
              : verdict.blocked     ? COUNTER_BLOCKED
              : verdict.established ? COUNTER_ESTABLISHED
              : verdict.rule        ? chain.rules[*verdict.rule].counter
                                    : COUNTER_DEFAULT];
    if (verdict.drop) ++packets[COUNTER_DROPPED];
  }
};

void check_random_sets(const std::string& object, std::size_t rule_sets, std::size_t packets, std::uint64_t seed,
                       Where where = Where::host) {
  FirewallRoom room;
  room.buckets = 32;  // few buckets, so that many addresses are in their second one
  FirewallBench bench(object, room);
  RandomRules random(seed);
  AddressSets sets(bench.sets_room(), kAddressKeys);
  bench.apply(sets.whole());
  NaiveSets naive{{"blocked", {}}};
  std::vector<std::string> names;
  for (const char* name : {"one", "two", "three"}) {
    sets.create(name);
    naive[name];
    names.emplace_back(name);
  }
  names.emplace_back("blocked");
  std::uint64_t dropped = 0;
  std::uint64_t limited = 0;
  if (where == Where::host) put_limit_tables(bench);
  for (std::size_t number = 0; number < rule_sets; ++number) {
    std::vector<AddressRange> edges;
    for (auto& [name, content] : naive) {
      content = random.ranges(random.below(name == "blocked" ? 3 : 12));
      std::vector<SetEntry> entries;
      for (const AddressRange& range : content) entries.push_back({range, {}});
      edges.insert(edges.end(), content.begin(), content.end());
      bench.apply(sets.replace(name, entries));
    }
    // Of every third set no rule asks for fields that only the host reads; of every second some limit.
    const auto numbers = where == Where::host && number % 3 != 0 ? RandomRules::Numbers::yes : RandomRules::Numbers::no;
    ChainRules chain = random.chain(random.below(number % 10 == 0 ? 600 : 40), names, numbers);
    if (where == Where::host && number % 2 == 0) make_limits(random, chain);
    const auto beyond = beyond_in(chain);
    const bool egress = bench.has_egress() && random.chance(50);
    const unsigned bank = number % 2;
    CompileInput input;
    input.chain = egress ? Chain::egress : Chain::ingress;
    input.rules = &chain;
    input.set_bit = [&sets](const std::string& name) { return *sets.bit(name); };
    input.classes = sets.classes();
    input.place = bench.place(bank);
    input.blocks = !naive.at("blocked").empty();
    Compiled compiled;
    try {
      compiled = compile_chain(input);
    } catch (const Error& error) {
      // The compiler may refuse a rule set only because it does not fit.
      REQUIRE(std::string(error.what()).find("do not fit") != std::string::npos);
      continue;
    }
    bench.fill(bank, compiled.tables);
    bench.use(bank);
    Expected expected;
    const auto last = COUNTER_FIRST_RULE + static_cast<std::uint32_t>(chain.rules.size());
    const std::vector<rule_counter> base = bench.counters(last);
    for (std::size_t i = 0; i < packets; ++i) {
      RandomRules::Packet packet = random.packet(chain, edges);
      const auto known = make_known(random, bench, packet, where);
      const NaiveVerdict verdict = judge(chain, egress, naive, packet.fields, beyond);
      const bool drops = bench.drops(packet.frame);
      if (drops != verdict.drop) {
        INFO("rule set " << number << " of " << chain.rules.size() << " rules, packet " << i << ": "
                         << text(packet.fields) << ", rule " << (verdict.rule ? std::to_string(*verdict.rule) : "none")
                         << (verdict.blocked ? " blocked" : "") << (verdict.established ? " established" : ""));
        REQUIRE(drops == verdict.drop);
      }
      expected.add(chain, verdict);
      dropped += drops ? 1 : 0;
      limited += verdict.rule && chain.rules[*verdict.rule].action == RuleAction::limit ? 1 : 0;
      if (known) bench.forget(*known);
    }
    const std::vector<rule_counter> now = bench.counters(last);
    for (std::uint32_t id = 0; id < last; ++id) {
      INFO("rule set " << number << ", counter " << id);
      REQUIRE(now[id].packets - base[id].packets == expected.packets[id]);
    }
  }
  if (rule_sets > 3 || where == Where::card)
    CHECK((limited != 0) == (where == Where::host));  // a few sets may limit nothing
  CHECK(dropped > rule_sets * packets / 10);
  CHECK(dropped < rule_sets * packets * 9 / 10);
}

TEST_CASE("the verdict on every packet and the count of every rule agree with a naive first match") {
  check_random_sets("sentry_drv.o", kRuleSets, kPackets, 1);
}

TEST_CASE("the program for the card agrees with a naive first match") {
  check_random_sets("sentry.o", kRuleSets / 10, kPackets, 3, Where::card);
}

TEST_CASE("the program on TC agrees with a naive first match") {
  check_random_sets("sentry_tc.o", kRuleSets / 10, kPackets, 2);
}

}  // namespace
}  // namespace nicsentry::testing
