// SPDX-License-Identifier: GPL-2.0-or-later
// Rules with the action limit, asked of the programs in the kernel: built as released, but with a clock that the test
// sets. The model is a bucket of tokens for each source, in whole numbers.
#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "host/enforce/limit_model.h"
#include "host/rules/judged_packet.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/rate_text.h"
#include "tests/support/firewall_bench.h"
#include "tests/support/packet_builder.h"
#include "tests/support/tries.h"

namespace nicsentry::testing::limits_test {
namespace {

constexpr std::array<std::uint32_t, FIREWALL_KEYS> kAddressKeys = {0x2545f491, 0x4f6cdd1d, 0x9e3779b9, 0x7f4a7c15};
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kDay = 86400 * kSecond;
constexpr std::uint64_t kBeginning = 5 * kDay;  // since boot
constexpr const char* kXdp = OTHER_PROGRAMS_DIR "/clocked_drv.o";
constexpr const char* kTc = OTHER_PROGRAMS_DIR "/clocked_tc.o";

IpAddress address(const std::string& text) { return parse_address_range(text).first; }

Limit limit_from(const std::string& rate, std::uint64_t burst, const std::string& per) {
  return {parse_rate(rate).value(), burst, parse_per(per).value()};
}

Rule limiting(const Limit& limit) {
  Rule rule;
  rule.action = RuleAction::limit;
  rule.limit = limit;
  return rule;
}

Rule deciding(RuleAction action) {
  Rule rule;
  rule.action = action;
  return rule;
}

Bytes udp(const IpAddress& source, const IpAddress& destination, std::size_t payload = 10) {
  return PacketBuilder().addresses(source, destination).udp(40000, 53).payload(payload).build();
}

class Limited {
 public:
  explicit Limited(std::vector<Rule> rules, const std::string& object = kXdp)
      : bench_(object), sets_(bench_.sets_room(), kAddressKeys) {
    bench_.apply(sets_.whole());
    replace(std::move(rules));
  }

  // With full buckets, at the beginning.
  void replace(std::vector<Rule> rules, Chain chain = Chain::ingress) {
    chain_.rules = std::move(rules);
    for (std::size_t i = 0; i < chain_.rules.size(); ++i) {
      chain_.rules[i].counter = COUNTER_FIRST_RULE + static_cast<std::uint32_t>(i);
    }
    CompileInput input;
    input.chain = chain;
    input.rules = &chain_;
    input.place = bench_.place(0);
    const Compiled compiled = compile_chain(input);
    bench_.fill(0, compiled.tables);
    tables_.clear();
    for (unsigned number = 0; number < compiled.limit_rules.size(); ++number) {
      tables_.push_back(bench_.put_limit_table(0, number));
    }
    bench_.use(0);
    at(kBeginning);
  }

  void at(std::uint64_t ns) { bench_.set_clock(ns); }
  bool passes(const Bytes& frame) { return !bench_.drops(frame); }
  unsigned passed_of(unsigned count, const Bytes& frame) {
    unsigned passed = 0;
    for (unsigned i = 0; i < count; ++i) passed += passes(frame) ? 1 : 0;
    return passed;
  }
  int table(unsigned number) const { return tables_.at(number); }
  rule_counter counter(std::size_t rule) const {
    return bench_.counters(COUNTER_FIRST_RULE + 16).at(COUNTER_FIRST_RULE + rule);
  }
  rule_counter counter_of(std::uint32_t id) const { return bench_.counters(COUNTER_FIRST_RULE).at(id); }
  FirewallBench& bench() { return bench_; }

 private:
  FirewallBench bench_;
  AddressSets sets_;
  ChainRules chain_;
  std::vector<int> tables_;
};

// Tokens in parts of 10^9: each ns brings `per_second` parts.
class TokenBucket {
 public:
  TokenBucket(std::uint64_t per_second, std::uint64_t burst, std::uint64_t now)
      : per_second_(per_second), most_(burst * kSecond), tokens_(most_), last_(now) {}

  bool takes(std::uint64_t amount, std::uint64_t now) {
    tokens_ = std::min(most_, tokens_ + (now - last_) * per_second_);
    last_ = now;
    if (tokens_ < amount * kSecond) return false;
    tokens_ -= amount * kSecond;
    return true;
  }

 private:
  std::uint64_t per_second_;
  std::uint64_t most_;
  std::uint64_t tokens_;
  std::uint64_t last_;
};

IpAddress source_of(std::uint32_t number) {
  IpAddress made;
  const std::uint32_t value = 0x0a000000U + number * 37;
  for (unsigned i = 0; i < 4; ++i) made.bytes[i] = low_byte(value >> (24 - 8 * i));
  return made;
}

TEST_CASE("each of 65,536 sources keeps to its own rate, as a bucket of tokens would") {
  constexpr std::uint32_t kSources = 65536;
  constexpr std::uint64_t kRate = 2;
  constexpr std::uint64_t kBurst = 5;
  const auto packets = tries<std::uint32_t>(50 * kSources, 10 * kSources);
  Limited limited({limiting(limit_from("2/s", kBurst, "source"))});
  std::vector<Bytes> frames;
  std::vector<TokenBucket> model;
  for (std::uint32_t i = 0; i < kSources; ++i) {
    frames.push_back(udp(source_of(i), address("192.0.2.1")));
    model.emplace_back(kRate, kBurst, kBeginning);
  }
  std::mt19937_64 random(1);
  std::uint64_t now = kBeginning;
  std::uint64_t dropped = 0;
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < packets; ++i) {
    now += random() % 5000;  // in 65,536 packets a third of a token
    const std::uint32_t source = i < kSources ? i : static_cast<std::uint32_t>(random() % kSources);
    limited.at(now);
    const bool expected = model[source].takes(1, now);
    const bool passed = limited.passes(frames[source]);
    if (passed != expected) {
      INFO("packet " << i << " of source " << source << " at " << now);
      REQUIRE(passed == expected);
    }
    dropped += passed ? 0 : 1;
    bytes += passed ? 0 : frames[source].size() - 14;
  }
  CHECK(dropped > packets / 20);
  CHECK(dropped < packets - packets / 20);
  CHECK(limited.counter(0).packets == dropped);
  CHECK(limited.counter(0).bytes == bytes);
  CHECK(limited.counter_of(COUNTER_DROPPED).packets == dropped);
  CHECK(limited.counter_of(COUNTER_DEFAULT).packets == packets - dropped);
}

TEST_CASE("the model for captures decides as the program, by the times that it is given") {
  const auto packets = tries<std::uint32_t>(200'000, 20'000);
  const std::string kinds[][3] = {{"100/s", "7", "source"},         {"5/m", "3", "source/56"},
                                  {"64kbit/s", "3000", "source"},   {"1000/h", "1", "rule"},
                                  {"20/s", "20", "destination/64"}, {"1Mbit/s", "500", "destination"},
                                  {"7/s", "4", "source/128"}};
  std::mt19937_64 random(57);
  for (const auto& [rate, burst, per] : kinds) {
    INFO(rate << " burst " << burst << " per " << per);
    Rule rule = limiting(limit_from(rate, std::stoull(burst), per));
    rule.counter = COUNTER_FIRST_RULE;
    Limited limited({rule});
    LimitModel model;
    // Some 18 times the rate, for 1 to 18 buckets: packets have 528 bytes on average.
    const Rate& allowed = rule.limit->rate;
    const double one_ns = 1e9 * allowed.period_s * (allowed.bits ? 528 * 8 : 1) / static_cast<double>(allowed.amount);
    const auto gap = static_cast<std::uint64_t>(one_ns / 9);
    std::uint64_t now = kBeginning;
    std::uint32_t dropped = 0;
    for (std::uint32_t i = 0; i < packets / 7; ++i) {
      now += random() % gap;
      const bool ipv6 = random() % 2 == 0;
      const auto end = [&](const char* four, const char* six) {
        IpAddress made = address(ipv6 ? six : four);
        made.bytes[ipv6 ? 7 : 2] = static_cast<std::uint8_t>(random() % 3);
        made.bytes[ipv6 ? 15 : 3] = static_cast<std::uint8_t>(1 + random() % 3);
        return made;
      };
      JudgedPacket packet;
      packet.source = end("10.0.0.0", "2001:db8::");
      packet.destination = end("192.0.2.0", "2001:db8:1::");
      const Bytes frame = udp(packet.source, packet.destination, random() % 1000);
      packet.length = static_cast<std::uint16_t>(frame.size() - 14);
      limited.at(now);
      const bool passed = limited.passes(frame);
      const bool exceeds = model.exceeds(rule, packet, static_cast<TimestampNs>(now));
      if (passed == exceeds) {
        INFO("packet " << i << " at " << now);
        REQUIRE(passed != exceeds);
      }
      dropped += passed ? 0 : 1;
    }
    CHECK(dropped > packets / 7 / 50);
    CHECK(dropped < packets / 7 - packets / 7 / 50);
  }
}

TEST_CASE("a rate of bits counts IP bytes, as a bucket of tokens would") {
  constexpr std::uint64_t kBytesPerSecond = 1'000'000;
  Limited limited({limiting(limit_from("8Mbit/s", 20000, "source"))});
  std::vector<TokenBucket> model(100, TokenBucket(kBytesPerSecond, 20000, kBeginning));
  std::mt19937_64 random(2);
  std::uint64_t now = kBeginning;
  unsigned dropped = 0;
  for (unsigned i = 0; i < 20000; ++i) {
    now += random() % 12000;
    const auto source = static_cast<std::uint32_t>(random() % model.size());
    const Bytes frame = udp(source_of(source), address("192.0.2.1"), random() % 1400);
    limited.at(now);
    const bool expected = model[source].takes(frame.size() - 14, now);
    INFO("packet " << i << " of source " << source << " at " << now);
    REQUIRE(limited.passes(frame) == expected);
    dropped += expected ? 0 : 1;
  }
  CHECK(dropped > 500);
  CHECK(dropped < 19500);
}

TEST_CASE("a rate holds over a long time, whatever its size") {
  struct Case {
    const char* rate;
    double per_second;
  };
  Limited limited({});
  for (const Case& one : {Case{"1/h", 1 / 3600.0}, Case{"7/m", 7 / 60.0}, Case{"3/s", 3}, Case{"999999/s", 999999},
                          Case{"1000000000/s", 1e9}, Case{"1kbit/s", 125.0 / 38}, Case{"333Mbit/s", 333e6 / 8 / 38},
                          Case{"10Gbit/s", 1e10 / 8 / 38}}) {
    limited.replace({limiting(limit_from(one.rate, 50, "source"))});
    const Bytes frame = udp(address("10.0.0.1"), address("192.0.2.1"));
    REQUIRE(frame.size() - 14 == 38);
    const bool bits = parse_rate(one.rate)->bits;
    const unsigned burst = bits ? 1 : 50;
    CHECK(limited.passed_of(burst + 1, frame) == burst);
    const auto step = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(3e8 / one.per_second));  // 0.3 of a packet
    unsigned passed = 0;
    for (unsigned i = 1; i <= 20000; ++i) {
      limited.at(kBeginning + i * step);
      passed += limited.passes(frame) ? 1 : 0;
    }
    CAPTURE(one.rate, step, passed);
    const double expected = static_cast<double>(step) * 20000 / 1e9 * one.per_second;
    CHECK(passed >= expected * 0.999 - 1);
    CHECK(passed <= expected * 1.001 + 2);
  }
}

TEST_CASE("what has a bucket of its own: the rule, an address or a prefix, at either end") {
  struct Case {
    const char* per;
    const char* first[2];  // source, destination
    const char* second[2];
    bool shared;
  };
  const Case cases[] = {
      {"rule", {"10.0.0.1", "192.0.2.1"}, {"10.0.0.2", "192.0.2.2"}, true},
      {"rule", {"10.0.0.1", "192.0.2.1"}, {"2001:db8::1", "2001:db8:1::1"}, true},
      {"source", {"10.0.0.1", "192.0.2.1"}, {"10.0.0.1", "192.0.2.2"}, true},
      {"source", {"10.0.0.1", "192.0.2.1"}, {"10.0.0.2", "192.0.2.1"}, false},
      {"destination", {"10.0.0.1", "192.0.2.1"}, {"10.0.0.2", "192.0.2.1"}, true},
      {"destination", {"10.0.0.1", "192.0.2.1"}, {"10.0.0.1", "192.0.2.2"}, false},
      {"source", {"2001:db8::1", "2001:db8:1::1"}, {"2001:db8::2", "2001:db8:1::2"}, true},
      {"source", {"2001:db8::1", "2001:db8:1::1"}, {"2001:db8:0:1::1", "2001:db8:1::1"}, false},
      {"source/48", {"2001:db8::1", "2001:db8:1::1"}, {"2001:db8:0:1::1", "2001:db8:1::1"}, true},
      {"source/47", {"2001:db8::1", "2001:db8:9::1"}, {"2001:db8:1::1", "2001:db8:9::1"}, true},
      {"source/128", {"2001:db8::1", "2001:db8:1::1"}, {"2001:db8::2", "2001:db8:1::1"}, false},
      {"source/127", {"2001:db8::2", "2001:db8:1::1"}, {"2001:db8::3", "2001:db8:1::1"}, true},
      {"destination", {"2001:db8::1", "2001:db8:1::1"}, {"2001:db8::1", "2001:db8:1::2"}, false},
      {"destination/64", {"2001:db8::1", "2001:db8:1::1"}, {"2001:db8::1", "2001:db8:1::2"}, true},
  };
  for (const auto& [object, chain] : {std::pair(kXdp, Chain::ingress), {kTc, Chain::ingress}, {kTc, Chain::egress}}) {
    Limited limited({}, object);
    for (const Case& one : cases) {
      limited.replace({limiting(limit_from("1/s", 3, one.per))}, chain);
      CAPTURE(object, chain_name(chain), one.per, one.first[0], one.second[0], one.second[1]);
      CHECK(limited.passed_of(4, udp(address(one.first[0]), address(one.first[1]))) == 3);
      CHECK(limited.passed_of(4, udp(address(one.second[0]), address(one.second[1]))) == (one.shared ? 0 : 3));
    }
  }
}

TEST_CASE("a source without a full bucket shares one: many sources get none out of its limit") {
  Limited limited({limiting(limit_from("1/s", 4, "source"))});
  const auto room = [](std::uint64_t ns) { return (kBeginning + ns) << LIMIT_TIME_SHIFT; };
  // All buckets have owners that have used them up.
  FirewallBench::set_all_times(limited.table(0), room(4 * kSecond));
  CHECK(limited.passed_of(5, udp(source_of(1), address("192.0.2.1"))) == 0);
  limited.at(kBeginning + kSecond);
  CHECK(limited.passed_of(5, udp(source_of(1), address("192.0.2.1"))) == 1);
  // Once one is full, a source has it for itself.
  limited.at(kBeginning + 6 * kSecond);
  CHECK(limited.passed_of(5, udp(source_of(1), address("192.0.2.1"))) == 4);
  CHECK(limited.passed_of(5, udp(source_of(2), address("192.0.2.1"))) == 4);
}

TEST_CASE("a packet larger than the burst passes a full bucket, which then owes") {
  Limited limited({limiting(limit_from("8kbit/s", 500, "rule"))});  // 1 byte each ms
  const Bytes large = udp(address("10.0.0.1"), address("192.0.2.1"), 1000 - 28);
  CHECK(limited.passes(large));
  CHECK_FALSE(limited.passes(large));
  limited.at(kBeginning + kSecond - 1);
  CHECK_FALSE(limited.passes(large));
  CHECK(limited.passed_of(10, udp(address("10.0.0.1"), address("192.0.2.1"), 100 - 28)) == 4);
  limited.at(kBeginning + kSecond + 400'000'000);
  CHECK(limited.passes(large));
}

TEST_CASE("a bucket is full after any time without packets") {
  const Bytes frame = udp(address("10.0.0.1"), address("192.0.2.1"));
  Limited limited({});
  for (const std::uint64_t days : {1U, 51U, 52U, 53U, 100U, 1000U, 3000U}) {
    limited.replace({limiting(limit_from("1/h", 3, "source"))});
    CAPTURE(days);
    CHECK(limited.passed_of(4, frame) == 3);
    limited.at(kBeginning + days * kDay);
    CHECK(limited.passed_of(4, frame) == 3);
  }
}

TEST_CASE("several limits hold one after the other, and the rules behind them decide") {
  Rule count = deciding(RuleAction::count);
  Limited limited({limiting(limit_from("1/s", 8, "rule")), count, limiting(limit_from("1/s", 5, "source")),
                   deciding(RuleAction::drop)});
  const Bytes frame = udp(address("10.0.0.1"), address("192.0.2.1"));
  CHECK(limited.passed_of(10, frame) == 0);
  CHECK(limited.counter(0).packets == 2);
  CHECK(limited.counter(1).packets == 8);
  CHECK(limited.counter(2).packets == 3);
  CHECK(limited.counter(3).packets == 5);
  CHECK(limited.counter_of(COUNTER_DROPPED).packets == 10);
}

TEST_CASE("a limit holds for established packets, but those that an earlier rule decides on") {
  Rule office = deciding(RuleAction::accept);
  office.match.source.ranges = {parse_address_range("10.9.0.0/16")};
  Limited limited(
      {office, deciding(RuleAction::count), limiting(limit_from("1/s", 3, "source")), deciding(RuleAction::drop)});
  const auto establish = [&](const IpAddress& source) {
    const DirectedKey key = normalise({source, 40000}, {address("192.0.2.1"), 53}, Protocol::udp);
    limited.bench().know(key.key, STATE_ESTABLISHED | STATE_ESTABLISHED << SLOT_STATE_BITS);
  };
  establish(address("10.0.0.1"));
  CHECK(limited.passed_of(5, udp(address("10.0.0.1"), address("192.0.2.1"))) == 3);
  CHECK(limited.counter_of(COUNTER_ESTABLISHED).packets == 3);
  CHECK(limited.counter(1).packets == 0);  // established packets are asked limits only
  CHECK(limited.counter(2).packets == 2);
  CHECK(limited.counter(3).packets == 0);
  establish(address("10.9.0.1"));
  CHECK(limited.passed_of(5, udp(address("10.9.0.1"), address("192.0.2.1"))) == 5);
  CHECK(limited.counter_of(COUNTER_ESTABLISHED).packets == 8);
}

TEST_CASE("processors that charge one bucket at once lose no charge, and pass one packet more each at most") {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kEach = 20000;
  constexpr std::uint64_t kBurst = 1000;
  Limited limited({limiting(limit_from("1000/s", kBurst, "rule"))});
  const Bytes frame = udp(address("10.0.0.1"), address("192.0.2.1"));
  std::array<unsigned, kThreads> passed{};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { passed.at(i) = limited.passed_of(kEach, frame); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::uint64_t all = std::accumulate(passed.begin(), passed.end(), std::uint64_t{0});
  CHECK(all >= kBurst);
  CHECK(all <= kBurst + kThreads);
  std::uint64_t charged = 0;
  for (std::uint32_t index = 0; index < LIMIT_SETS; ++index) {
    limit_buckets set{};
    REQUIRE(bpf_map_lookup_elem(limited.table(0), &index, &set) == 0);
    for (const std::uint64_t time : set.times) charged += time == 0 ? 0 : (time >> LIMIT_TIME_SHIFT) - kBeginning;
  }
  CHECK(charged == all * 1'000'000);
}

TEST_CASE("a chain has room for 16 limits") {
  const std::vector<Rule> most(LIMITS, limiting(limit_from("1000/s", 100, "source")));
  Limited limited(most);
  CHECK(limited.passed_of(150, udp(address("10.0.0.1"), address("192.0.2.1"))) == 100);
  std::vector<Rule> more = most;
  more.push_back(most.front());
  CHECK_THROWS_WITH(Limited(more), Catch::Contains("17 rules with action limit; a chain has room for 16"));
}

}  // namespace
}  // namespace nicsentry::testing::limits_test
