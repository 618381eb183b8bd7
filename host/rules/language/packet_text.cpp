// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/packet_text.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "bpf_offload/icmp.h"
#include "host/base/error.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/field_text.h"
#include "host/rules/language/number_fields.h"
#include "host/rules/language/other_tools.h"
#include "host/rules/language/rule_words.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

constexpr std::uint16_t kVlanTag = 0x8100;
constexpr std::uint8_t kFragmentHeader = 44;
constexpr std::uint8_t kEchoRequestV6 = 128;
constexpr std::uint8_t kAck = 0x10;

constexpr std::array<const char*, 14> kPacketFields = {"src",      "dst",       "l4proto",  "sport",    "dport",
                                                       "tcpflags", "conntrack", "fragment", "icmptype", "icmpcode",
                                                       "length",   "dscp",      "ttl",      "vlan"};
constexpr std::size_t kNumbersAt = 8;  // in kPacketFields, in the order of kNumberFields
// The kernel takes no longer frame for a test run.
constexpr std::uint16_t kTestRunBytesMost = 65500;

// The fields that were given.
struct Given {
  std::optional<IpAddress> source;
  std::optional<IpAddress> destination;
  std::optional<std::uint8_t> protocol;
  std::optional<std::uint16_t> source_port;
  std::optional<std::uint16_t> destination_port;
  std::optional<std::uint8_t> tcp_flags;
  std::array<std::optional<std::string_view>, kNumberFields.size()> number_texts;
  std::array<std::optional<std::uint16_t>, kNumberFields.size()> numbers;  // by NumberField
  std::optional<FragmentKind> fragment;
  std::optional<ConnectionState> state;

  std::optional<std::uint16_t> number(NumberField field) const { return numbers.at(static_cast<std::size_t>(field)); }
};

std::optional<IpAddress> to_address(std::string_view text) {
  try {
    const AddressRange range = parse_address_range(text);
    return range.first == range.last ? std::optional(range.first) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<std::uint16_t> to_one_port(std::string_view text) {
  const auto ports = parse_ports(text);
  return ports && ports->first == ports->last ? std::optional(ports->first) : std::nullopt;
}

std::optional<std::uint8_t> to_set_flags(std::string_view text) {
  if (same_word(trimmed(text), "none")) return std::uint8_t{0};
  const auto flags = parse_tcp_flags(text);
  return flags && flags->mask == flags->value ? std::optional(flags->value) : std::nullopt;
}

std::optional<FragmentKind> to_fragment(std::string_view text) {
  text = trimmed(text);
  if (same_word(text, "no")) return FragmentKind::none;
  if (same_word(text, "first")) return FragmentKind::first;
  return same_word(text, "later") ? std::optional(FragmentKind::later) : std::nullopt;
}

class WordReader {
 public:
  Given read(std::span<const std::string> words) {
    for (const std::string& word : words) {
      const std::size_t equals = word.find('=');
      name_ = std::string_view(word).substr(0, equals);
      value_ = equals == std::string::npos ? std::string_view() : std::string_view(word).substr(equals + 1);
      if (!read_field()) {
        errors_.push_back(excerpt(name_) +
                          ": unknown field, allowed are src, dst, l4proto, sport, dport, tcpflags, conntrack, "
                          "fragment, icmptype, icmpcode, length, dscp, ttl and vlan" +
                          field_hint(name_, kPacketFields));
      }
    }
    check();
    if (!errors_.empty()) {
      std::string text;
      for (const std::string& error : errors_) text += (text.empty() ? "" : "\n") + error;
      throw Error(text);
    }
    return given_;
  }

 private:
  template <typename Value>
  void take(std::optional<Value>& into, std::optional<Value> value, const std::string& allowed) {
    if (into) {
      errors_.push_back(std::string(name_) + ": read twice, allowed is once");
    } else if (value) {
      into = value;
    } else {
      errors_.push_back(std::string(name_) + ": read " + excerpt(value_) + ", allowed is " + allowed);
    }
  }

  bool read_field() {
    const auto field = std::find_if(kPacketFields.begin(), kPacketFields.end(),
                                    [this](const char* field_name) { return same_word(field_name, name_); });
    const auto number = static_cast<std::size_t>(field - kPacketFields.begin()) - kNumbersAt;
    if (number < kNumberFields.size()) {
      take(given_.number_texts.at(number), std::optional(value_), "");
      return true;
    }
    switch (field - kPacketFields.begin()) {
      case 0:
        take(given_.source, to_address(value_), "an address of IPv4 or IPv6");
        return true;
      case 1:
        take(given_.destination, to_address(value_), "an address of IPv4 or IPv6");
        return true;
      case 2:
        take(given_.protocol, parse_protocol(value_), "one of " + protocol_names() + ", or a number from 0 to 255");
        return true;
      case 3:
        take(given_.source_port, to_one_port(value_), "a port (0 to 65535)");
        return true;
      case 4:
        take(given_.destination_port, to_one_port(value_), "a port (0 to 65535)");
        return true;
      case 5:
        take(given_.tcp_flags, to_set_flags(value_),
             "one or more of " + tcp_flag_names() + " with commas between, or NONE");
        return true;
      case 6:
        take(given_.state, parse_state(value_), "NEW, ESTABLISHED, RELATED or INVALID");
        return true;
      case 7:
        take(given_.fragment, to_fragment(value_), "no, first or later");
        return true;
      default:
        return false;
    }
  }

  void require_fit(bool given, const char* field, bool fits, const char* allowed) {
    if (given && !fits) {
      const std::uint8_t protocol = *given_.protocol;
      errors_.push_back(std::string(field) + ": read together with l4proto " + protocol_text(protocol) +
                        ", allowed is " + allowed);
    }
  }

  void check() {
    if (given_.source && given_.destination && given_.source->version != given_.destination->version) {
      errors_.push_back("dst: read an address of IPv" + std::to_string(given_.destination->version) +
                        " together with src of IPv" + std::to_string(given_.source->version) +
                        ", allowed are two of one family");
    }
    if (given_.source_port || given_.destination_port || given_.tcp_flags || asks_icmp()) {
      complete_protocol();
    }
    const std::uint8_t protocol = given_.protocol.value_or(IPPROTO_TCP);
    const bool ports = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
    require_fit(given_.source_port.has_value(), "sport", ports, "sport with TCP or UDP only");
    require_fit(given_.destination_port.has_value(), "dport", ports, "dport with TCP or UDP only");
    require_fit(given_.tcp_flags.has_value(), "tcpflags", protocol == IPPROTO_TCP, "tcpflags with TCP only");
    refuse_in_later_fragment();
    const bool icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
    require_fit(number_given(NumberField::icmp_type), "icmptype", icmp, "icmptype with ICMP or ICMPv6 only");
    require_fit(number_given(NumberField::icmp_code), "icmpcode", icmp, "icmpcode with ICMP or ICMPv6 only");
    for (const NumberField field : kNumberFields) read_number(field, protocol);
  }

  bool number_given(NumberField field) const {
    return given_.number_texts.at(static_cast<std::size_t>(field)).has_value();
  }

  bool asks_icmp() const { return number_given(NumberField::icmp_type) || number_given(NumberField::icmp_code); }

  // Names of ICMP's types are read when the protocol is known.
  void read_number(NumberField field, std::uint8_t protocol) {
    const auto& text = given_.number_texts.at(static_cast<std::size_t>(field));
    if (!text || (is_icmp_field(field) && protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6)) return;
    name_ = number_field_name(field);
    value_ = *text;
    const auto value = parse_number(field, *text, protocol);
    const std::string allowed = field == NumberField::length
                                    ? "a number of bytes from 0 to " + std::to_string(kTestRunBytesMost)
                                    : "one value: " + number_field_allowed(field);
    const bool fits = value && (field != NumberField::length || *value <= kTestRunBytesMost);
    take(given_.numbers.at(static_cast<std::size_t>(field)), fits ? value : std::nullopt, allowed);
  }

  void refuse_in_later_fragment() {
    const std::pair<const char*, bool> fields[] = {{"sport", given_.source_port.has_value()},
                                                   {"dport", given_.destination_port.has_value()},
                                                   {"tcpflags", given_.tcp_flags.has_value()},
                                                   {"icmptype", number_given(NumberField::icmp_type)},
                                                   {"icmpcode", number_given(NumberField::icmp_code)}};
    for (const auto& [field, given] : fields) {
      if (given && given_.fragment == FragmentKind::later) {
        errors_.push_back(std::string(field) + ": read together with fragment=later, allowed is " + field +
                          " with fragment=no or first only: a later fragment has no transport header");
      }
    }
  }

  // Sets a missing protocol: ICMP if only an ICMP type was given, else TCP.
  void complete_protocol() {
    if (given_.protocol) return;
    const bool ipv6 =
        (given_.source && given_.source->version == 6) || (given_.destination && given_.destination->version == 6);
    const bool icmp = asks_icmp() && !given_.tcp_flags && !given_.source_port && !given_.destination_port;
    given_.protocol = IPPROTO_TCP;
    if (icmp) {
      given_.protocol = ipv6 ? std::uint8_t{IPPROTO_ICMPV6} : std::uint8_t{IPPROTO_ICMP};
    }
  }

  std::string_view name_;
  std::string_view value_;
  Given given_;
  std::vector<std::string> errors_;
};

using FrameBytes = std::vector<std::uint8_t>;

void put16(FrameBytes& bytes, std::size_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8U & 0xffU));
  bytes.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

FrameBytes transport_of(const ImaginedPacket& packet) {
  constexpr std::size_t kTcpBytes = 20;
  constexpr std::size_t kLeast = 8;  // UDP and ICMP headers; data of other protocols and of later fragments
  FrameBytes bytes;
  if (packet.fragment != FragmentKind::later) {
    switch (packet.protocol) {
      case IPPROTO_TCP:
        put16(bytes, packet.source_port);
        put16(bytes, packet.destination_port);
        bytes.resize(kTcpBytes);
        bytes[12] = kTcpBytes / 4 << 4U;
        bytes[13] = packet.tcp_flags;
        break;
      case IPPROTO_UDP:
        put16(bytes, packet.source_port);
        put16(bytes, packet.destination_port);
        put16(bytes, kLeast);
        break;
      case IPPROTO_ICMP:
      case IPPROTO_ICMPV6:
        bytes.push_back(packet.icmp_type);
        bytes.push_back(packet.icmp_code);
        break;
      default:
        break;
    }
  }
  bytes.resize(std::max(bytes.size(), kLeast));
  return bytes;
}

// Offset in units of eight bytes, and "more fragments", as in the headers of IPv4 and IPv6.
constexpr std::size_t kLaterOffset = 185;

void put_ipv4(FrameBytes& frame, const ImaginedPacket& packet, std::size_t payload) {
  constexpr std::size_t kHeader = 20;
  constexpr std::size_t kMoreFragments = 0x2000;
  frame.insert(frame.end(), {0x45, static_cast<std::uint8_t>(packet.dscp << 2U)});
  put16(frame, kHeader + payload);
  put16(frame, 0);
  put16(frame, packet.fragment == FragmentKind::first   ? kMoreFragments
               : packet.fragment == FragmentKind::later ? kLaterOffset
                                                        : 0);
  frame.insert(frame.end(), {packet.ttl, packet.protocol, 0, 0});
  for (const IpAddress* address : {&packet.source, &packet.destination}) {
    frame.insert(frame.end(), address->bytes.begin(), address->bytes.begin() + 4);
  }
}

void put_ipv6(FrameBytes& frame, const ImaginedPacket& packet, std::size_t payload) {
  constexpr std::size_t kExtension = 8;
  const bool fragment = packet.fragment != FragmentKind::none;
  put16(frame, 0x6000U | static_cast<std::size_t>(packet.dscp) << 6U);
  put16(frame, 0);
  put16(frame, payload + (fragment ? kExtension : 0));
  frame.insert(frame.end(), {fragment ? kFragmentHeader : packet.protocol, packet.ttl});
  for (const IpAddress* address : {&packet.source, &packet.destination}) {
    frame.insert(frame.end(), address->bytes.begin(), address->bytes.end());
  }
  if (fragment) {
    frame.insert(frame.end(), {packet.protocol, 0});
    put16(frame, packet.fragment == FragmentKind::first ? 1 : kLaterOffset << 3U);
    frame.insert(frame.end(), {0, 0, 0, 1});
  }
}

void put_packet(FrameBytes& bytes, const ImaginedPacket& packet, const FrameBytes& transport) {
  if (packet.source.version == 6) {
    put_ipv6(bytes, packet, transport.size());
  } else {
    put_ipv4(bytes, packet, transport.size());
  }
  bytes.insert(bytes.end(), transport.begin(), transport.end());
}

// Bytes of its headers up to the transport header.
std::size_t header_bytes(const ImaginedPacket& packet) {
  if (packet.source.version != 6) return 20;
  return packet.fragment == FragmentKind::none ? 40 : 48;
}

bool is_icmp_error(const ImaginedPacket& packet) {
  const bool ipv6 = packet.source.version == 6;
  const std::uint8_t icmp = ipv6 ? std::uint8_t{IPPROTO_ICMPV6} : std::uint8_t{IPPROTO_ICMP};
  return packet.protocol == icmp && packet.fragment != FragmentKind::later &&
         icmp_states(packet.icmp_type, ipv6 ? 1 : 0) == STATE_RELATED;
}

// An error without a quote has no state: a packet that its receiver can have sent.
ImaginedPacket quoted_by(const ImaginedPacket& error) {
  ImaginedPacket quoted;
  quoted.source = error.destination;
  quoted.destination = error.source;
  quoted.protocol = IPPROTO_UDP;
  return quoted;
}

FrameBytes payload_of(const ImaginedPacket& packet) {
  FrameBytes transport = transport_of(packet);
  if (is_icmp_error(packet)) {
    put_packet(transport, quoted_by(packet), transport_of(quoted_by(packet)));
  }
  return transport;
}

void check_length(const ImaginedPacket& packet) {
  const std::size_t least = header_bytes(packet) + payload_of(packet).size();
  if (packet.length.value_or(kTestRunBytesMost) < least) {
    throw Error("length: read " + std::to_string(*packet.length) + ", allowed are at least the " +
                std::to_string(least) + " bytes of the packet's headers");
  }
}

}  // namespace

std::span<const char* const> packet_fields() { return kPacketFields; }

std::vector<std::string> packet_word_values(std::string_view field) {
  return field == "fragment" ? std::vector<std::string>{"no", "first", "later"} : rule_word_values(field);
}

ImaginedPacket parse_packet_words(std::span<const std::string> words) {
  const Given given = WordReader().read(words);
  ImaginedPacket packet;
  const bool ipv6 = given.source        ? given.source->version == 6
                    : given.destination ? given.destination->version == 6
                                        : given.protocol == IPPROTO_ICMPV6;
  packet.source = given.source.value_or(*to_address(ipv6 ? "2001:db8::1" : "192.0.2.1"));
  packet.destination = given.destination.value_or(*to_address(ipv6 ? "2001:db8::2" : "192.0.2.2"));
  packet.protocol = given.protocol.value_or(packet.protocol);
  packet.source_port = given.source_port.value_or(packet.source_port);
  packet.destination_port = given.destination_port.value_or(packet.destination_port);
  // An established connection sends no SYN.
  const bool standing = given.state == ConnectionState::established;
  packet.tcp_flags = given.tcp_flags.value_or(standing ? kAck : packet.tcp_flags);
  packet.icmp_type =
      static_cast<std::uint8_t>(given.number(NumberField::icmp_type)
                                    .value_or(packet.protocol == IPPROTO_ICMPV6 ? kEchoRequestV6 : packet.icmp_type));
  packet.icmp_code = static_cast<std::uint8_t>(given.number(NumberField::icmp_code).value_or(0));
  packet.dscp = static_cast<std::uint8_t>(given.number(NumberField::dscp).value_or(packet.dscp));
  packet.ttl = static_cast<std::uint8_t>(given.number(NumberField::ttl).value_or(packet.ttl));
  packet.vlan = given.number(NumberField::vlan);
  if (packet.vlan == kNoVlan) packet.vlan.reset();
  packet.fragment = given.fragment.value_or(packet.fragment);
  packet.state = given.state;
  packet.length = given.number(NumberField::length);
  check_length(packet);
  return packet;
}

std::vector<std::uint8_t> frame_of(const ImaginedPacket& packet) {
  FrameBytes frame{0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1};  // locally administered addresses
  if (packet.vlan) {
    put16(frame, kVlanTag);
    put16(frame, *packet.vlan);
  }
  put16(frame, packet.source.version == 6 ? 0x86dd : 0x0800);
  FrameBytes transport = payload_of(packet);
  if (packet.length) transport.resize(*packet.length - header_bytes(packet));
  put_packet(frame, packet, transport);
  return frame;
}

}  // namespace nicsentry
