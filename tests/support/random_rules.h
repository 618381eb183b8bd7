// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <random>
#include <vector>

#include "tests/support/naive_firewall.h"
#include "tests/support/packet_builder.h"

namespace nicsentry::testing {

// Makes rules that overlap a lot, and packets at their edges.
class RandomRules {
 public:
  explicit RandomRules(std::uint64_t seed) : random_(seed) {}

  // With `numbers` also ICMP types, length, DSCP, TTL and VLAN, which programs on the card do not read.
  enum class Numbers { no, yes };
  ChainRules chain(std::size_t rules, const std::vector<std::string>& sets, Numbers numbers = Numbers::no);
  AddressRange range();
  std::vector<AddressRange> ranges(std::size_t count);

  struct Packet {
    PacketFields fields;  // with the state of an unknown session
    bool fragment = false;
    Bytes frame;
  };
  // Half of the addresses and ports are at the edges of the rules and ranges in `near`.
  Packet packet(const ChainRules& near, const std::vector<AddressRange>& ranges);

  std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random_);
  }
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  IpAddress address(std::uint8_t version);
  AddressMatch match(const std::vector<std::string>& sets, std::uint8_t version);
  PortRange ports();
  std::vector<PortRange> port_list();
  std::vector<PortRange> number_list(unsigned last);
  void add_numbers(RuleMatch& match);
  unsigned number_at_edge(const ChainRules& near, std::size_t field, unsigned usual);
  IpAddress at_edge(const ChainRules& near, const std::vector<AddressRange>& ranges, std::uint8_t version, bool source);
  std::uint16_t port_at_edge(const ChainRules& near, bool source);

  std::mt19937_64 random_;
};

}  // namespace nicsentry::testing
