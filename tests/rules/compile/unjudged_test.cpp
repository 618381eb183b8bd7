// SPDX-License-Identifier: GPL-2.0-or-later
// Verdicts of a chain on packets that rules cannot judge, asked of the programs in the kernel.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/rules/language/address_text.h"
#include "host/rules/language/ether_type.h"
#include "tests/support/firewall_bench.h"
#include "tests/support/packet_builder.h"

namespace nicsentry::testing::unjudged_test {
namespace {

constexpr std::array<std::uint32_t, FIREWALL_KEYS> kAddressKeys = {0x2545f491, 0x4f6cdd1d, 0x9e3779b9, 0x7f4a7c15};

IpAddress address(const std::string& text) { return parse_address_range(text).first; }

PacketBuilder tcp() {
  return PacketBuilder().addresses(address("198.51.100.1"), address("192.0.2.1")).tcp(40000, 2222).payload(10);
}

struct Unjudged {
  not_understood cause;
  Bytes frame;
};

constexpr std::size_t kSource = 14 + 8;  // of an IPv6 address in a frame
constexpr std::size_t kDestination = 14 + 24;

// IPv6 of which one end is 198.51.100.1, mapped.
Bytes mapped(std::size_t end) {
  return changed(PacketBuilder().addresses(address("2001:db8::1"), address("2001:db8::2")).tcp(40000, 2222).build(),
                 end, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 1});
}

std::vector<Unjudged> unjudged_frames() {
  PacketBuilder tags = tcp();
  PacketBuilder options =
      PacketBuilder().addresses(address("2001:db8::1"), address("2001:db8::2")).tcp(40000, 2222).payload(10);
  for (int i = 0; i < 9; ++i) {
    tags.vlan(0x8100);
    options.extension(60);
  }
  Bytes short_tcp = cut(tcp().build(), 14 + 28);
  short_tcp = changed(changed(short_tcp, 16, be16(28)), 20, be16(0x2000));  // a first fragment of 8 bytes of TCP
  return {{CAUSE_VLAN_DEPTH, tags.build()},
          {CAUSE_TRUNCATED, cut(tcp().build(), 50)},
          {CAUSE_TRUNCATED, cut(tcp().build(), 16)},
          {CAUSE_MALFORMED, short_tcp},
          {CAUSE_MALFORMED, changed(tcp().build(), 14, {0x44})},
          {CAUSE_MALFORMED, mapped(kSource)},
          {CAUSE_MALFORMED, mapped(kDestination)},
          {CAUSE_EXTENSIONS, options.build()}};
}

Rule rule_for(const std::string& source, RuleAction action) {
  Rule rule;
  rule.counter = COUNTER_FIRST_RULE;
  rule.match.source.ranges = {parse_address_range(source)};
  rule.action = action;
  return rule;
}

class Chains {
 public:
  explicit Chains(const std::string& object) : bench_(object), sets_(bench_.sets_room(), kAddressKeys) {
    bench_.apply(sets_.whole());
  }

  void block(const std::string& range) {
    const std::vector<SetEntry> entries = {{parse_address_range(range), {}}};
    bench_.apply(sets_.add(kBlockedSet, entries));
  }

  void use(const ChainRules& rules) {
    CompileInput input;
    input.rules = &rules;
    input.set_bit = [this](const std::string& name) { return *sets_.bit(name); };
    input.classes = sets_.classes();
    input.place = bench_.place(bank_);
    input.blocks = sets_.size(kBlockedSet) != 0;
    bench_.fill(bank_, compile_chain(input).tables);
    bench_.use(bank_);
    bank_ ^= 1U;
  }

  bool drops(const Bytes& frame) { return bench_.drops(frame); }

  // The fixed counter that the frame adds to.
  std::uint32_t decided_by(const Bytes& frame) {
    const auto before = bench_.counters(COUNTER_FIRST_RULE);
    bench_.drops(frame);
    const auto after = bench_.counters(COUNTER_FIRST_RULE);
    for (std::uint32_t id = 1; id < COUNTER_FIRST_RULE; ++id) {
      if (after[id].packets != before[id].packets) return id;
    }
    return 0;
  }

 private:
  FirewallBench bench_;
  AddressSets sets_;
  unsigned bank_ = 0;
};

constexpr const char* kObjects[] = {"sentry_drv.o", "sentry_tc.o", "firewall_drv.o", "sentry.o"};

bool test_run_takes(const std::string& object, const Bytes& frame) {
  return object.find("_tc") == std::string::npos || frame.size() > 14 + 40;
}

TEST_CASE("an empty chain drops nothing, and one that restricts something drops what it cannot judge, by cause") {
  for (const std::string object : kObjects) {
    for (const auto& [cause, frame] : unjudged_frames()) {
      if (!test_run_takes(object, frame)) continue;
      INFO(object << ", cause " << cause << ", frame of " << frame.size());
      Chains chains(object);
      ChainRules rules;
      chains.use(rules);
      CHECK_FALSE(chains.drops(frame));
      rules.rules = {rule_for("203.0.113.0/24", RuleAction::accept)};
      chains.use(rules);
      CHECK(chains.drops(frame));
      CHECK(chains.decided_by(frame) == COUNTER_UNJUDGED + static_cast<std::uint32_t>(cause) + 1);
      rules.rules.clear();
      rules.default_action = RuleAction::drop;
      chains.use(rules);
      CHECK(chains.decided_by(frame) == COUNTER_UNJUDGED + static_cast<std::uint32_t>(cause) + 1);
      rules.default_action = RuleAction::accept;
      chains.block("203.0.113.7");
      chains.use(rules);
      CHECK(chains.drops(frame));
    }
  }
}

TEST_CASE("with unjudged pass, rules judge a packet by its addresses") {
  for (const std::string object : kObjects) {
    INFO(object);
    Chains chains(object);
    ChainRules rules;
    rules.drop_unjudged = false;
    rules.rules = {rule_for("198.51.100.0/24", RuleAction::drop)};
    chains.use(rules);
    const Bytes frame = cut(tcp().build(), 56);
    CHECK(chains.drops(frame));
    rules.rules = {rule_for("203.0.113.0/24", RuleAction::drop)};
    chains.use(rules);
    CHECK_FALSE(chains.drops(frame));
    PacketBuilder tags = tcp();
    for (int i = 0; i < 9; ++i) tags.vlan(0x8100);
    CHECK_FALSE(chains.drops(tags.build()));
  }
}

TEST_CASE("a blocked IPv4 address does not come in as the source of an IPv6 packet") {
  for (const std::string object : kObjects) {
    INFO(object);
    Chains chains(object);
    chains.block("198.51.100.1");
    chains.use({});
    CHECK(chains.drops(tcp().build()));
    CHECK(chains.drops(mapped(kSource)));
    CHECK_FALSE(chains.drops(changed(mapped(kSource), kSource + 9, {1})));
  }
}

TEST_CASE("with unjudged pass, IPv6 rules judge a mapped address, and no other rule does") {
  for (const std::string object : kObjects) {
    INFO(object);
    Chains chains(object);
    ChainRules rules;
    rules.drop_unjudged = false;
    rules.rules = {rule_for("198.51.100.1", RuleAction::drop)};
    chains.use(rules);
    CHECK_FALSE(chains.drops(mapped(kSource)));
    rules.rules = {rule_for("::fffe:0:0/95", RuleAction::drop)};
    chains.use(rules);
    CHECK(chains.drops(mapped(kSource)));
    rules.rules.clear();
    rules.default_action = RuleAction::drop;
    chains.use(rules);
    CHECK(chains.drops(mapped(kSource)));
  }
}

TEST_CASE("EtherTypes hold in either bank, also where no rule has a tree") {
  for (const std::string object : kObjects) {
    if (object == "sentry.o") continue;
    for (const RuleAction action : {RuleAction::accept, RuleAction::drop}) {
      INFO(object << ", default " << (action == RuleAction::drop ? "drop" : "accept"));
      Chains chains(object);
      ChainRules rules;
      rules.default_action = action;
      rules.non_ip = std::vector<std::uint16_t>{*parse_ether_type("arp")};
      for (int change = 0; change < 4; ++change) {
        INFO("change " << change);
        chains.use(rules);
        CHECK_FALSE(chains.drops(PacketBuilder().ethertype(0x0806).payload(46).build()));
        CHECK(chains.drops(PacketBuilder().ethertype(0x88cc).payload(46).build()));
      }
    }
  }
}

TEST_CASE("frames that are no IP pass by their EtherType") {
  for (const std::string object : kObjects) {
    if (object == "sentry.o") continue;
    INFO(object);
    Chains chains(object);
    ChainRules rules;
    rules.default_action = RuleAction::drop;
    const auto frame = [](int type) {
      return PacketBuilder().ethertype(static_cast<std::uint16_t>(type)).payload(46).build();
    };
    chains.use(rules);
    CHECK_FALSE(chains.drops(frame(0x0806)));
    rules.non_ip = std::vector<std::uint16_t>{*parse_ether_type("LLC"), *parse_ether_type("arp"), 0x88cc};
    chains.use(rules);
    for (const int passes : {0x0026, 0x05ff, 0x0806, 0x88cc}) {
      INFO(passes);
      CHECK_FALSE(chains.drops(frame(passes)));
    }
    for (const int dropped : {0x0600, 0x0805, 0x0807, 0x8847, 0x8864, 0xffff}) {
      INFO(dropped);
      CHECK(chains.drops(frame(dropped)));
      CHECK(chains.decided_by(frame(dropped)) == COUNTER_NON_IP);
    }
    CHECK(chains.drops(PacketBuilder().vlan(0x8100).ethertype(0x8864).payload(46).build()));
    rules.non_ip = std::vector<std::uint16_t>{};
    chains.use(rules);
    CHECK(chains.drops(frame(0x0806)));
  }
}

TEST_CASE("an IPv6 address is in no set or rule that holds an IPv4 address, unless it is mapped") {
  for (const std::string object : kObjects) {
    for (const bool single : {true, false}) {
      INFO(object << (single ? ", one address" : ", a prefix"));
      Chains chains(object);
      ChainRules rules;
      chains.use(rules);
      chains.block(single ? "198.51.100.1" : "198.51.100.0/24");
      const auto from = [](const char* source) {
        IpAddress address6;
        address6.version = 6;
        address6.bytes = parse_address_range(std::string("::") + source).first.bytes;
        return PacketBuilder().addresses(address6, address("2001:db8::2")).tcp(40000, 2222).build();
      };
      CHECK(chains.drops(tcp().build()));
      // 198.51.100.1 is c633:6401.
      for (const char* other : {"c633:6401:ffff:ffff:ffff:ffff", "c633:6401", "c633:6401:0:0", "fffe:c633:6401",
                                "ffff:0:c633:6401", "c633:6401:0:0:0:0"}) {
        INFO(other);
        CHECK_FALSE(chains.drops(from(other)));
      }
    }
  }
}

}  // namespace
}  // namespace nicsentry::testing::unjudged_test
