// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/random_rules.h"

#include "bpf_offload/types.h"

#include <algorithm>
#include <utility>

namespace nicsentry::testing {
namespace {

unsigned bits_of(std::uint8_t version) { return version == 4 ? 32 : 128; }

// Sets all bits from `prefix` on.
IpAddress filled(IpAddress address, unsigned prefix, bool ones) {
  for (unsigned bit = prefix; bit < bits_of(address.version); ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> bit % 8);
    address.bytes[bit / 8] =
        static_cast<std::uint8_t>(ones ? address.bytes[bit / 8] | mask : address.bytes[bit / 8] & ~mask);
  }
  return address;
}

IpAddress step(IpAddress address, bool up) {
  for (std::size_t i = bits_of(address.version) / 8; i-- > 0;) {
    const std::uint8_t before = address.bytes[i];
    address.bytes[i] = static_cast<std::uint8_t>(up ? before + 1 : before - 1);
    if (before != (up ? 0xff : 0)) break;
  }
  return address;
}

}  // namespace

IpAddress RandomRules::address(std::uint8_t version) {
  IpAddress made;
  made.version = version;
  for (unsigned i = 0; i < bits_of(version) / 8; ++i) {
    // Few different values, so that rules overlap and packets match.
    made.bytes[i] = static_cast<std::uint8_t>(chance(60) ? below(2) * 255 : below(256));
  }
  return made;
}

AddressRange RandomRules::range() {
  const std::uint8_t version = chance(65) ? 4 : 6;
  const IpAddress base = address(version);
  const auto prefix = static_cast<unsigned>(below(bits_of(version) + 1));
  AddressRange made{filled(base, prefix, false), filled(base, prefix, true)};
  if (chance(15)) {
    made = {std::min(base, made.last), std::max(base, made.last)};
  }
  return made;
}

std::vector<AddressRange> RandomRules::ranges(std::size_t count) {
  std::vector<AddressRange> made;
  while (made.size() < count) {
    made.push_back(range());
    if (chance(50)) made.back().last = made.back().first;
  }
  return made;
}

AddressMatch RandomRules::match(const std::vector<std::string>& sets, std::uint8_t version) {
  AddressMatch made;
  const auto fitting = [&] {
    AddressRange found = range();
    while (found.first.version != version) found = range();
    return found;
  };
  if (chance(30)) return made;
  if (chance(80)) made.ranges.push_back(fitting());
  if (chance(15)) made.ranges.push_back(range());
  if (chance(25)) made.except_ranges.push_back(fitting());
  if (!sets.empty() && chance(20)) made.sets.push_back(sets[below(sets.size())]);
  if (!sets.empty() && chance(10)) made.except_sets.push_back(sets[below(sets.size())]);
  return made;
}

PortRange RandomRules::ports() {
  const auto first = static_cast<std::uint16_t>(chance(50) ? below(100) : below(65536));
  const auto last = chance(50) ? first : static_cast<std::uint16_t>(first + below(65536U - first));
  return {first, last};
}

std::vector<PortRange> RandomRules::port_list() {
  std::vector<PortRange> made{ports()};
  while (made.size() < 12 && chance(35)) made.push_back(ports());
  return normalised(std::move(made));
}

std::vector<PortRange> RandomRules::number_list(unsigned last) {
  std::vector<PortRange> made;
  do {
    const auto first = static_cast<unsigned>(below(last + 1U));
    const auto span = static_cast<unsigned>(chance(50) ? 0 : below(last + 1U - first));
    made.push_back({static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(first + span)});
  } while (made.size() < 5 && chance(35));
  return normalised(std::move(made));
}

void RandomRules::add_numbers(RuleMatch& match) {
  const bool icmp = match.protocols.size() == 1 && (match.protocols.front() == 1 || match.protocols.front() == 58);
  if (icmp && chance(70)) {
    match.numbers[0] = number_list(chance(50) ? 16 : 255);
    if (chance(40)) match.numbers[1] = number_list(chance(50) ? 4 : 255);
  }
  if (chance(15)) match.numbers[2] = number_list(chance(80) ? 150 : 65535);
  if (chance(10)) match.numbers[3] = number_list(63);
  if (chance(10)) match.numbers[4] = number_list(255);
  if (chance(10)) match.numbers[5] = number_list(chance(50) ? 3 : 4095);
  if (chance(5)) {  // untagged
    match.numbers[5].push_back({4096, 4096});
    match.numbers[5] = normalised(std::move(match.numbers[5]));
  }
}

unsigned RandomRules::number_at_edge(const ChainRules& near, std::size_t field, unsigned usual) {
  constexpr unsigned kLast[] = {255, 255, 65535, 63, 255, 4095};
  if (near.rules.empty() || chance(40)) return usual;
  for (unsigned tries = 0; tries < 8; ++tries) {
    const auto& ranges = near.rules[below(near.rules.size())].match.numbers.at(field);
    if (ranges.empty()) continue;
    const PortRange& range = ranges[below(ranges.size())];
    const unsigned edge = (chance(50) ? range.first : range.last) + static_cast<unsigned>(below(3)) - 1;
    return edge <= kLast[field] ? edge : usual;
  }
  return usual;
}

ChainRules RandomRules::chain(std::size_t rules, const std::vector<std::string>& sets, Numbers numbers) {
  ChainRules made;
  made.default_action = chance(50) ? RuleAction::drop : RuleAction::accept;
  made.accept_established = chance(50);
  made.drop_unjudged = chance(70);
  std::size_t counting = 0;
  for (std::size_t i = 0; i < rules; ++i) {
    Rule rule;
    const std::uint8_t version = chance(65) ? 4 : 6;
    rule.match.source = match(sets, version);
    rule.match.destination = match(sets, version);
    std::vector<std::uint8_t>& protocols = rule.match.protocols;
    constexpr std::uint8_t kProtocols[] = {6, 17, 1, 58, 47, 6};
    while (protocols.size() < 3 && chance(protocols.empty() ? 60 : 25)) {
      const std::uint8_t protocol = kProtocols[below(std::size(kProtocols))];
      const auto place = std::lower_bound(protocols.begin(), protocols.end(), protocol);
      if (place == protocols.end() || *place != protocol) protocols.insert(place, protocol);
    }
    const auto only = [&protocols](std::uint8_t one, std::uint8_t other) {
      return std::all_of(protocols.begin(), protocols.end(),
                         [=](std::uint8_t protocol) { return protocol == one || protocol == other; });
    };
    if (only(6, 17) && chance(25)) rule.match.source_ports = port_list();
    if (only(6, 17) && chance(35)) rule.match.destination_ports = port_list();
    if (only(6, 6) && chance(30)) {
      const auto mask = static_cast<std::uint8_t>(1 + below(255));
      rule.match.tcp_flags = TcpFlagsMatch{mask, static_cast<std::uint8_t>(below(256) & mask)};
    }
    if (chance(30)) rule.match.state = static_cast<ConnectionState>(below(4));
    if (numbers == Numbers::yes) add_numbers(rule.match);
    rule.action = chance(45) ? RuleAction::drop : chance(70) ? RuleAction::accept : RuleAction::log;
    if (counting < 5 && chance(10)) {
      rule.action = RuleAction::count;
      ++counting;
    }
    if (rule.action == RuleAction::drop && chance(30)) rule.log_every = 1;
    rule.counter = COUNTER_FIRST_RULE + static_cast<std::uint32_t>(i);
    made.rules.push_back(rule);
  }
  return made;
}

IpAddress RandomRules::at_edge(const ChainRules& near, const std::vector<AddressRange>& ranges, std::uint8_t version,
                               bool source) {
  for (unsigned tries = 0; tries < 8 && chance(80); ++tries) {
    const AddressRange* found = nullptr;
    if (!ranges.empty() && chance(40)) {
      found = &ranges[below(ranges.size())];
    } else if (!near.rules.empty()) {
      const RuleMatch& match = near.rules[below(near.rules.size())].match;
      const AddressMatch& end = source ? match.source : match.destination;
      const auto& list = chance(70) ? end.ranges : end.except_ranges;
      found = list.empty() ? nullptr : &list[below(list.size())];
    }
    if (found == nullptr || found->first.version != version) continue;
    const IpAddress edge = chance(50) ? found->first : found->last;
    return chance(70) ? edge : step(edge, chance(50));
  }
  return address(version);
}

std::uint16_t RandomRules::port_at_edge(const ChainRules& near, bool source) {
  if (!near.rules.empty() && chance(70)) {
    const RuleMatch& match = near.rules[below(near.rules.size())].match;
    const auto& ranges = source ? match.source_ports : match.destination_ports;
    if (!ranges.empty()) {
      const PortRange& range = ranges[below(ranges.size())];
      return static_cast<std::uint16_t>((chance(50) ? range.first : range.last) + below(3) - 1);
    }
  }
  return static_cast<std::uint16_t>(chance(50) ? below(100) : below(65536));
}

RandomRules::Packet RandomRules::packet(const ChainRules& near, const std::vector<AddressRange>& ranges) {
  Packet made;
  PacketFields& fields = made.fields;
  const std::uint8_t version = chance(65) ? 4 : 6;
  fields.source = at_edge(near, ranges, version, true);
  fields.destination = at_edge(near, ranges, version, false);
  fields.source_port = port_at_edge(near, true);
  fields.destination_port = port_at_edge(near, false);
  PacketBuilder builder;
  const std::size_t payload = below(64);
  builder.addresses(fields.source, fields.destination).payload(payload);
  fields.dscp = number_at_edge(near, 3, 0);
  fields.ttl = number_at_edge(near, 4, 64);
  builder.dscp(fields.dscp).ttl(static_cast<std::uint8_t>(fields.ttl));
  std::size_t before = 14;  // of the IP header
  if (chance(25)) {
    constexpr std::uint16_t kTagTypes[] = {0x8100, 0x88a8};
    fields.vlan = number_at_edge(near, 5, 7);
    // Priority bits above the id; the inner tag counts where the outer one has no id.
    builder.vlan(kTagTypes[below(2)], static_cast<std::uint16_t>(fields.vlan | below(8) << 13U));
    before += 4;
    if (chance(40)) {
      const auto inner = static_cast<std::uint16_t>(below(4096));
      builder.vlan(0x8100, inner);
      fields.vlan = fields.vlan == 0 ? inner : fields.vlan;
      before += 4;
    }
  }
  const auto kind = below(100);
  if (kind < 50) {
    fields.protocol = 6;
    fields.tcp_flags = static_cast<std::uint8_t>(chance(50) ? 0x02 : below(256));
    builder.tcp(fields.source_port, fields.destination_port);
  } else if (kind < 80) {
    fields.protocol = 17;
    builder.udp(fields.source_port, fields.destination_port);
  } else if (kind < 92) {
    fields.protocol = version == 4 ? 1 : 58;
    // Replies, errors, queries, and what is none of them: RFC 792, 950, 1256, 4443, 4620, 4861.
    constexpr std::uint8_t kTypes[] = {0, 14, 16, 18, 3, 4, 5, 11, 12, 8, 13, 15, 17, 9, 200};
    constexpr std::uint8_t kTypes6[] = {129, 140, 0, 1, 2, 3, 4, 5, 127, 128, 139, 133, 134, 135, 136, 137};
    fields.icmp_type = version == 4 ? kTypes[below(std::size(kTypes))] : kTypes6[below(std::size(kTypes6))];
    fields.icmp_type = static_cast<std::uint8_t>(number_at_edge(near, 0, fields.icmp_type));
    fields.icmp_code = static_cast<std::uint8_t>(number_at_edge(near, 1, 0));
    if (version == 4) {
      builder.icmp(fields.icmp_type, fields.icmp_code);
    } else {
      builder.icmpv6(fields.icmp_type, fields.icmp_code);
    }
  } else {
    fields.protocol = 47;
    fields.header = false;
    builder.transport(47, {0, 0, 8, 0});
  }
  if (version == 6 && chance(10)) builder.extension(60);
  if (fields.header && chance(6)) {
    made.fragment = true;
    fields.later_fragment = true;
    fields.header = false;
    fields.state = ConnectionState::established;
    if (version == 4) {
      builder.ipv4_fragment(5, chance(50));
    } else {
      builder.ipv6_fragment(5, chance(50));
    }
  }
  made.frame = builder.build();
  fields.length = static_cast<unsigned>(made.frame.size() - before);
  if (const unsigned wanted = number_at_edge(near, 2, fields.length); wanted > fields.length && wanted < 2000) {
    made.frame = builder.payload(payload + wanted - fields.length).build();
    fields.length = wanted;
  }
  if (fields.header && chance(4)) {  // the frame ends before the IP length does
    made.frame.pop_back();
    fields.unjudged = true;
    fields.header = false;
    fields.state = ConnectionState::invalid;
    const auto ipv6_next_header = made.frame.at(before + 6);
    if (version == 6) fields.protocol = ipv6_next_header;
  }
  if (fields.protocol == 6 && fields.header) {
    // The builder writes its own flags 13 bytes into the TCP header, which is at the end of the frame except for the
    // payload.
    constexpr std::uint8_t kBuilt = 0x18;
    for (std::size_t at = 14; at + 20 <= made.frame.size(); ++at) {
      if (made.frame[at] == low_byte(fields.source_port >> 8U) && made.frame[at + 1] == low_byte(fields.source_port) &&
          made.frame[at + 2] == low_byte(fields.destination_port >> 8U) &&
          made.frame[at + 3] == low_byte(fields.destination_port) && made.frame[at + 12] == 0x50 &&
          made.frame[at + 13] == kBuilt && made.frame[at + 7] == 1 && made.frame[at + 11] == 2) {
        made.frame[at + 13] = fields.tcp_flags;
        break;
      }
    }
    constexpr unsigned kHandshake = 0x17;
    const unsigned handshake = fields.tcp_flags & kHandshake;
    if (handshake != 0x02 && handshake != 0x10) fields.state = ConnectionState::invalid;
  }
  return made;
}

}  // namespace nicsentry::testing
