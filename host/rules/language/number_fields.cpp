// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/number_fields.h"

#include <netinet/in.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "host/base/error.h"
#include "host/rules/language/field_text.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

struct NamedNumber {
  const char* name;
  std::uint16_t value;
};

// The first name of a value is the one that is printed. It is nft's; others are iptables' (libxt_icmp.h,
// libip6t_icmp6).
constexpr NamedNumber kIcmpTypes[] = {{"echo-reply", 0},
                                      {"pong", 0},
                                      {"destination-unreachable", 3},
                                      {"source-quench", 4},
                                      {"redirect", 5},
                                      {"echo-request", 8},
                                      {"ping", 8},
                                      {"router-advertisement", 9},
                                      {"router-solicitation", 10},
                                      {"time-exceeded", 11},
                                      {"ttl-exceeded", 11},
                                      {"parameter-problem", 12},
                                      {"timestamp-request", 13},
                                      {"timestamp-reply", 14},
                                      {"info-request", 15},
                                      {"info-reply", 16},
                                      {"address-mask-request", 17},
                                      {"address-mask-reply", 18}};
constexpr NamedNumber kIcmpV6Types[] = {{"destination-unreachable", 1},
                                        {"packet-too-big", 2},
                                        {"time-exceeded", 3},
                                        {"ttl-exceeded", 3},
                                        {"parameter-problem", 4},
                                        {"echo-request", 128},
                                        {"ping", 128},
                                        {"echo-reply", 129},
                                        {"pong", 129},
                                        {"mld-listener-query", 130},
                                        {"mld-listener-report", 131},
                                        {"mld-listener-done", 132},
                                        {"mld-listener-reduction", 132},
                                        {"nd-router-solicit", 133},
                                        {"router-solicitation", 133},
                                        {"nd-router-advert", 134},
                                        {"router-advertisement", 134},
                                        {"nd-neighbor-solicit", 135},
                                        {"neighbor-solicitation", 135},
                                        {"neighbour-solicitation", 135},
                                        {"nd-neighbor-advert", 136},
                                        {"neighbor-advertisement", 136},
                                        {"neighbour-advertisement", 136},
                                        {"nd-redirect", 137},
                                        {"redirect", 137},
                                        {"router-renumbering", 138},
                                        {"ind-neighbor-solicit", 141},
                                        {"ind-neighbor-advert", 142},
                                        {"mld2-listener-report", 143}};
// The names of codes, each of one type.
struct NamedCode {
  const char* name;
  std::uint16_t type;
  std::uint16_t value;
};
constexpr NamedCode kIcmpCodes[] = {{"net-unreachable", 3, 0},
                                    {"network-unreachable", 3, 0},
                                    {"host-unreachable", 3, 1},
                                    {"prot-unreachable", 3, 2},
                                    {"protocol-unreachable", 3, 2},
                                    {"port-unreachable", 3, 3},
                                    {"frag-needed", 3, 4},
                                    {"fragmentation-needed", 3, 4},
                                    {"source-route-failed", 3, 5},
                                    {"network-unknown", 3, 6},
                                    {"host-unknown", 3, 7},
                                    {"net-prohibited", 3, 9},
                                    {"network-prohibited", 3, 9},
                                    {"host-prohibited", 3, 10},
                                    {"TOS-network-unreachable", 3, 11},
                                    {"TOS-host-unreachable", 3, 12},
                                    {"admin-prohibited", 3, 13},
                                    {"communication-prohibited", 3, 13},
                                    {"host-precedence-violation", 3, 14},
                                    {"precedence-cutoff", 3, 15},
                                    {"network-redirect", 5, 0},
                                    {"host-redirect", 5, 1},
                                    {"TOS-network-redirect", 5, 2},
                                    {"TOS-host-redirect", 5, 3},
                                    {"ttl-zero-during-transit", 11, 0},
                                    {"ttl-zero-during-reassembly", 11, 1},
                                    {"ip-header-bad", 12, 0},
                                    {"required-option-missing", 12, 1}};
constexpr NamedCode kIcmpV6Codes[] = {{"no-route", 1, 0},
                                      {"admin-prohibited", 1, 1},
                                      {"communication-prohibited", 1, 1},
                                      {"beyond-scope", 1, 2},
                                      {"addr-unreachable", 1, 3},
                                      {"address-unreachable", 1, 3},
                                      {"port-unreachable", 1, 4},
                                      {"policy-fail", 1, 5},
                                      {"failed-policy", 1, 5},
                                      {"reject-route", 1, 6},
                                      {"ttl-zero-during-transit", 3, 0},
                                      {"ttl-zero-during-reassembly", 3, 1},
                                      {"bad-header", 4, 0},
                                      {"unknown-header-type", 4, 1},
                                      {"unknown-option", 4, 2}};
// RFC 2474, 2597, 3246, 5865, 8622.
constexpr NamedNumber kDscp[] = {{"cs0", 0},   {"be", 0},    {"df", 0},    {"lephb", 1}, {"le", 1},    {"cs1", 8},
                                 {"af11", 10}, {"af12", 12}, {"af13", 14}, {"cs2", 16},  {"af21", 18}, {"af22", 20},
                                 {"af23", 22}, {"cs3", 24},  {"af31", 26}, {"af32", 28}, {"af33", 30}, {"cs4", 32},
                                 {"af41", 34}, {"af42", 36}, {"af43", 38}, {"cs5", 40},  {"va", 44},   {"ef", 46},
                                 {"cs6", 48},  {"cs7", 56}};
constexpr NamedNumber kVlans[] = {{"none", kNoVlan}};

std::span<const NamedNumber> names_of(NumberField field, std::uint8_t protocol) {
  const bool v6 = protocol == IPPROTO_ICMPV6;
  if (is_icmp_field(field) && !v6 && protocol != IPPROTO_ICMP) return {};
  switch (field) {
    case NumberField::icmp_type:
      return v6 ? std::span<const NamedNumber>(kIcmpV6Types) : kIcmpTypes;
    case NumberField::dscp:
      return kDscp;
    case NumberField::vlan:
      return kVlans;
    default:
      return {};
  }
}

std::span<const NamedCode> codes_of(std::uint8_t protocol) {
  if (protocol == IPPROTO_ICMPV6) return kIcmpV6Codes;
  return protocol == IPPROTO_ICMP ? std::span<const NamedCode>(kIcmpCodes) : std::span<const NamedCode>();
}

const NamedCode* code_named(std::string_view name, std::uint8_t protocol) {
  const auto codes = codes_of(protocol);
  const auto found =
      std::find_if(codes.begin(), codes.end(), [name](const NamedCode& code) { return same_word(code.name, name); });
  return found == codes.end() ? nullptr : &*found;
}

std::optional<PortRange> parse_range(NumberField field, std::string_view text, std::uint8_t protocol) {
  text = trimmed(text);
  if (field == NumberField::icmp_code) {
    if (const NamedCode* code = code_named(text, protocol)) return PortRange{code->value, code->value};
  }
  for (const NamedNumber& known : names_of(field, protocol)) {
    if (same_word(known.name, text)) return PortRange{known.value, known.value};
  }
  // "none" is no number.
  return parse_ports(text, static_cast<std::uint16_t>(number_field_last(field) - (field == NumberField::vlan ? 1 : 0)));
}

// The type that all packets of the rule are of.
std::optional<std::uint16_t> only_type(const RuleMatch& match) {
  const NumberRanges& types = match.number(NumberField::icmp_type);
  const bool one = types.size() == 1 && types.front().first == types.front().last;
  return one ? std::optional(types.front().first) : std::nullopt;
}

std::string value_text(NumberField field, std::uint16_t value, const RuleMatch& match) {
  if (field != NumberField::icmp_code) return number_text(field, value, icmp_protocol(match));
  const auto codes = codes_of(icmp_protocol(match));
  const auto type = only_type(match);
  const auto found = std::find_if(codes.begin(), codes.end(),
                                  [&](const NamedCode& code) { return code.type == type && code.value == value; });
  return found == codes.end() ? std::to_string(value) : found->name;
}

}  // namespace

const char* number_field_name(NumberField field) {
  switch (field) {
    case NumberField::icmp_type:
      return "icmptype";
    case NumberField::icmp_code:
      return "icmpcode";
    case NumberField::length:
      return "length";
    case NumberField::dscp:
      return "dscp";
    case NumberField::ttl:
      return "ttl";
    case NumberField::vlan:
      return "vlan";
  }
  throw Error("not a field of numbers: " + std::to_string(static_cast<int>(field)));
}

std::uint16_t number_field_last(NumberField field) {
  switch (field) {
    case NumberField::length:
      return 0xffff;
    case NumberField::dscp:
      return 63;
    case NumberField::vlan:
      return kNoVlan;
    default:
      return 255;
  }
}

bool is_icmp_field(NumberField field) { return field == NumberField::icmp_type || field == NumberField::icmp_code; }

std::string number_field_allowed(NumberField field) {
  switch (field) {
    case NumberField::icmp_type:
      return "a type's name (echo-request, destination-unreachable, ...), a number from 0 to 255, a range of numbers, "
             "or "
             "a list of these";
    case NumberField::icmp_code:
      return "a number from 0 to 255, a range, a name of one of its type's codes (port-unreachable, host-redirect, "
             "...), "
             "or a list of these";
    case NumberField::length:
      return "a number of bytes from 0 to 65535, IP header included, a range (\"0-100\"), or a list of these";
    case NumberField::dscp:
      return "a name (cs0 to cs7, af11 to af43, ef, va, le), a number from 0 to 63 (\"46\", \"0x2e\"), a range of "
             "numbers, or a list of "
             "these";
    case NumberField::ttl:
      return "a number from 0 to 255, a range (\"0-5\"), or a list of these";
    case NumberField::vlan:
      return "a VLAN id from 0 to 4095, a range, none for no tag, or a list of these";
  }
  return {};
}

std::vector<std::string> number_words(NumberField field) {
  std::vector<std::string> words;
  for (const std::uint8_t protocol : {std::uint8_t{IPPROTO_ICMP}, std::uint8_t{IPPROTO_ICMPV6}}) {
    for (const NamedNumber& known : names_of(field, protocol)) {
      if (std::find(words.begin(), words.end(), known.name) == words.end()) words.emplace_back(known.name);
    }
    for (const NamedCode& code : field == NumberField::icmp_code ? codes_of(protocol) : std::span<const NamedCode>()) {
      if (std::find(words.begin(), words.end(), code.name) == words.end()) words.emplace_back(code.name);
    }
  }
  return words;
}

std::optional<std::uint16_t> parse_number(NumberField field, std::string_view text, std::uint8_t protocol) {
  const auto range = parse_range(field, text, protocol);
  return range && range->first == range->last ? std::optional(range->first) : std::nullopt;
}

std::optional<NumberRanges> parse_numbers(NumberField field, std::string_view text, std::uint8_t protocol) {
  NumberRanges ranges;
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    const auto range = parse_range(field, text.substr(0, comma), protocol);
    if (!range) return std::nullopt;
    ranges.push_back(*range);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return normalised(std::move(ranges));
}

std::string number_text(NumberField field, std::uint16_t value, std::uint8_t protocol) {
  for (const NamedNumber& known : names_of(field, protocol)) {
    if (known.value == value) return known.name;
  }
  return std::to_string(value);
}

std::optional<std::uint16_t> icmp_type_of_code(std::string_view name, std::uint8_t protocol) {
  const NamedCode* code = code_named(trimmed(name), protocol);
  return code != nullptr ? std::optional(code->type) : std::nullopt;
}

std::string numbers_text(NumberField field, const RuleMatch& match) {
  std::string text;
  const auto add = [&](const PortRange& range) {
    text += (text.empty() ? "" : ",") + (range.first == range.last
                                             ? value_text(field, range.first, match)
                                             : std::to_string(range.first) + "-" + std::to_string(range.last));
  };
  for (PortRange range : match.number(field)) {
    const bool none = field == NumberField::vlan && range.last == kNoVlan && range.first != kNoVlan;
    if (none) --range.last;
    add(range);
    if (none) add({kNoVlan, kNoVlan});
  }
  return text;
}

std::uint8_t icmp_protocol(const RuleMatch& match) {
  if (match.protocols.size() != 1) return 0;
  const std::uint8_t protocol = match.protocols.front();
  return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6 ? protocol : std::uint8_t{0};
}

}  // namespace nicsentry
