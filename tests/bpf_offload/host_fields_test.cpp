// SPDX-License-Identifier: GPL-2.0-or-later
// Fields that only programs on the host read, where random packets do not lead: super-packets, packets that are longer
// than any number, packets of which a field is not known.
#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <catch2/catch.hpp>
#include <string>

#include "host/base/error.h"
#include "host/rules/language/batch.h"
#include "tests/support/firewall_bench.h"
#include "tests/support/packet_builder.h"

namespace nicsentry::testing {
namespace {

constexpr std::uint32_t kMatched = COUNTER_FIRST_RULE;

IpAddress end_address(bool ipv6, std::uint8_t last) {
  IpAddress address;
  address.version = ipv6 ? 6 : 4;
  address.bytes[0] = ipv6 ? 0xfd : 10;
  address.bytes[ipv6 ? 15 : 3] = last;
  return address;
}

PacketBuilder between(bool ipv6) {
  PacketBuilder builder;
  builder.addresses(end_address(ipv6, 1), end_address(ipv6, 2));
  return builder;
}

// One rule in force.
class OneRule {
 public:
  OneRule(const std::string& object, nlohmann::json rule, bool drop_unjudged = true) : bench_(object) {
    rule["operation"] = "append";
    ChainRules chain = apply_batch({}, parse_batch({{"rules", {rule}}}, 0), {});
    chain.rules[0].counter = kMatched;
    chain.drop_unjudged = drop_unjudged;
    CompileInput input;
    input.rules = &chain;
    input.place = bench_.place(1);  // element 0 is not the bank's
    bench_.fill(1, compile_chain(input).tables);
    bench_.use(1);
  }

  // Whether the rule matches the frame, as a super-packet of segments of this size.
  bool matches(const Bytes& frame, std::uint32_t gso_size = 0) {
    const std::uint64_t before = bench_.counters(kMatched + 1)[kMatched].packets;
    __sk_buff context{};
    context.gso_size = gso_size;
    context.gso_segs = gso_size != 0 ? 2 : 0;
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    if (gso_size != 0) {
      options.ctx_in = &context;
      options.ctx_size_in = sizeof(context);
    }
    if (bpf_prog_test_run_opts(bench_.program(), &options) != 0) {
      throw SystemError(errno, "running the program");
    }
    return bench_.counters(kMatched + 1)[kMatched].packets != before;
  }

 private:
  FirewallBench bench_;
};

}  // namespace

TEST_CASE("the length of a super-packet is that of its segments on the wire") {
  for (const bool ipv6 : {false, true}) {
    CAPTURE(ipv6);
    const unsigned headers = ipv6 ? 40 : 20;
    OneRule tcp("sentry_tc.o", {{"length", headers + 20 + 500}, {"l4proto", "TCP"}});
    CHECK(tcp.matches(between(ipv6).tcp(1, 2).payload(2000).build(), 500));
    CHECK(tcp.matches(between(ipv6).tcp(1, 2).payload(501).build(), 500));
    CHECK_FALSE(tcp.matches(between(ipv6).tcp(1, 2).payload(2000).build(), 400));
    CHECK_FALSE(tcp.matches(between(ipv6).tcp(1, 2).payload(499).build(), 500));
    CHECK(tcp.matches(between(ipv6).tcp(1, 2).payload(500).build()));
    OneRule udp("sentry_tc.o", {{"length", headers + 8 + 600}, {"l4proto", "UDP"}});
    CHECK(udp.matches(between(ipv6).udp(1, 2).payload(1500).build(), 600));
    OneRule whole("sentry_tc.o", {{"length", headers + 20 + 2000}});
    CHECK(whole.matches(between(ipv6).tcp(1, 2).payload(2000).build()));
    CHECK_FALSE(whole.matches(between(ipv6).tcp(1, 2).payload(2000).build(), 500));
  }
}

TEST_CASE("a rule for a length matches no packet whose length is not known") {
  for (const char* object : {"sentry_drv.o", "sentry_tc.o", "firewall_drv.o", "firewall_tc.o"}) {
    CAPTURE(object);
    const Bytes whole = between(false).udp(1, 2).payload(20).build();
    const Bytes cut_off = cut(whole, whole.size() - 1);
    OneRule length(object, {{"length", "0-65535"}}, false);
    CHECK(length.matches(whole));
    CHECK_FALSE(length.matches(cut_off));
    OneRule ttl(object, {{"ttl", 64}, {"dscp", 0}, {"vlan", "none"}}, false);
    CHECK(ttl.matches(whole));
    CHECK(ttl.matches(cut_off));
  }
}

TEST_CASE("a rule for ICMP types matches no later fragment and no ICMP of the other family") {
  for (const char* object : {"sentry_drv.o", "sentry_tc.o", "firewall_drv.o", "firewall_tc.o"}) {
    CAPTURE(object);
    OneRule any(object, {{"l4proto", "ICMP"}, {"icmptype", "0-255"}});
    CHECK(any.matches(between(false).icmp(8).build()));
    CHECK(any.matches(between(false).icmp(8).ipv4_fragment(0, true).build()));
    CHECK_FALSE(any.matches(between(false).icmp(8).ipv4_fragment(5, false).build()));
    CHECK_FALSE(any.matches(between(true).transport(1, {8, 0, 0, 0, 0, 1, 0, 2}).build()));
    CHECK_FALSE(any.matches(between(false).udp(0x0800, 0).build()));
    OneRule code(object, {{"l4proto", "ICMPv6"}, {"icmptype", "1,3"}, {"icmpcode", "2-4"}});
    CHECK(code.matches(between(true).icmpv6(1, 4).build()));
    CHECK(code.matches(between(true).extension(0).icmpv6(3, 2).build()));
    CHECK_FALSE(code.matches(between(true).icmpv6(1, 5).build()));
    CHECK_FALSE(code.matches(between(true).icmpv6(2, 3).build()));
    CHECK_FALSE(code.matches(between(false).transport(58, {1, 4, 0, 0, 0, 1, 0, 2}).build()));
  }
}

TEST_CASE("a rule for a VLAN asks the outermost tag that names one, of whatever type") {
  for (const char* object : {"sentry_drv.o", "sentry_tc.o"}) {
    CAPTURE(object);
    OneRule ten(object, {{"vlan", 10}});
    for (const std::uint16_t type : std::initializer_list<std::uint16_t>{0x8100, 0x88a8, 0x9100}) {
      CHECK(ten.matches(between(false).vlan(type, 10).udp(1, 2).build()));
      CHECK(ten.matches(between(true).vlan(type, 0xe00a).vlan(0x8100, 11).udp(1, 2).build()));
      CHECK_FALSE(ten.matches(between(false).vlan(type, 11).vlan(0x8100, 10).udp(1, 2).build()));
    }
    CHECK_FALSE(ten.matches(between(false).udp(1, 2).build()));
    // The kernel takes tags of VLAN 0 off, and gives the packet to VLAN 10.
    CHECK(ten.matches(between(false).vlan(0x8100, 0).vlan(0x8100, 10).udp(1, 2).build()));
    CHECK(ten.matches(between(true).vlan(0x88a8, 0xe000).vlan(0x8100, 0).vlan(0x8100, 10).udp(1, 2).build()));
    CHECK_FALSE(ten.matches(between(false).vlan(0x8100, 0).vlan(0x8100, 11).vlan(0x8100, 10).udp(1, 2).build()));
    OneRule zero(object, {{"vlan", 0}});
    CHECK(zero.matches(between(false).vlan(0x8100, 0xe000).vlan(0x8100, 0).udp(1, 2).build()));
    CHECK_FALSE(zero.matches(between(false).vlan(0x8100, 0).vlan(0x8100, 10).udp(1, 2).build()));
    OneRule none(object, {{"vlan", "none"}});
    CHECK(none.matches(between(false).udp(1, 2).build()));
    CHECK_FALSE(none.matches(between(false).vlan(0x8100, 0).udp(1, 2).build()));
  }
}

}  // namespace nicsentry::testing
