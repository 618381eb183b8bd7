// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/field_text.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "host/base/error.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

template <typename Value>
struct Name {
  const char* name;
  Value value;
};

// IANA's assigned protocol numbers.
constexpr Name<std::uint8_t> kProtocolNames[] = {
    {"TCP", 6},  {"UDP", 17}, {"ICMP", 1}, {"ICMPv6", 58}, {"IGMP", 2},  {"IPIP", 4},   {"DCCP", 33},
    {"GRE", 47}, {"ESP", 50}, {"AH", 51},  {"OSPF", 89},   {"PIM", 103}, {"VRRP", 112}, {"SCTP", 132},
};

// In the order of the earlier system.
constexpr Name<std::uint8_t> kTcpFlags[] = {{"SYN", 0x02}, {"FIN", 0x01}, {"ACK", 0x10}, {"RST", 0x04},
                                            {"PSH", 0x08}, {"URG", 0x20}, {"CWR", 0x80}, {"ECE", 0x40}};

constexpr ConnectionState kStates[] = {ConnectionState::new_session, ConnectionState::established,
                                       ConnectionState::related, ConnectionState::invalid};

// The first name of an action is the one that is printed.
constexpr Name<RuleAction> kActions[] = {{"drop", RuleAction::drop},     {"forward", RuleAction::accept},
                                         {"accept", RuleAction::accept}, {"log", RuleAction::log},
                                         {"count", RuleAction::count},   {"limit", RuleAction::limit}};

template <typename Value, std::size_t Count>
std::optional<Value> value_of(const Name<Value> (&names)[Count], std::string_view name) {
  for (const auto& candidate : names) {
    if (same_word(candidate.name, name)) return candidate.value;
  }
  return std::nullopt;
}

template <typename Value, std::size_t Count>
const char* name_of(const Name<Value> (&names)[Count], Value value) {
  for (const auto& candidate : names) {
    if (candidate.value == value) return candidate.name;
  }
  return nullptr;
}

template <typename Value, std::size_t Count>
std::string listed(const Name<Value> (&names)[Count]) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + std::string(name.name);
  return list;
}

template <typename Value, std::size_t Count>
std::vector<std::string> names_in(const Name<Value> (&names)[Count]) {
  std::vector<std::string> list;
  list.reserve(Count);
  for (const auto& name : names) list.emplace_back(name.name);
  return list;
}

// Decimal, or hexadecimal behind "0x".
template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  Number number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number, hexadecimal ? 16 : 10);
  if (failure != std::errc() || rest != end) return std::nullopt;
  return number;
}

// Values with commas between.
template <typename Value>
std::optional<std::vector<Value>> parse_list(std::string_view text, std::optional<Value> (*parse)(std::string_view)) {
  std::vector<Value> values;
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    const auto value = parse(text.substr(0, comma));
    if (!value) return std::nullopt;
    values.push_back(*value);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return values;
}

std::string prefix_text(const AddressRange& range) {
  return range.first == range.last ? range.first.text() + (range.first.version == 6 ? "/128" : "/32") : range.text();
}

}  // namespace

std::vector<std::string> protocol_name_list() { return names_in(kProtocolNames); }

std::string protocol_names() { return listed(kProtocolNames); }

std::optional<std::uint8_t> parse_protocol(std::string_view text) {
  text = trimmed(text);
  const auto protocol = value_of(kProtocolNames, text);
  return protocol ? protocol : whole_number<std::uint8_t>(text);
}

const char* protocol_keyword(std::uint8_t protocol) { return name_of(kProtocolNames, protocol); }

std::string protocol_text(std::uint8_t protocol) {
  const char* name = protocol_keyword(protocol);
  return name != nullptr ? name : std::to_string(protocol);
}

std::optional<std::vector<std::uint8_t>> parse_protocols(std::string_view text) {
  auto protocols = parse_list(text, parse_protocol);
  if (!protocols) return std::nullopt;
  std::sort(protocols->begin(), protocols->end());
  protocols->erase(std::unique(protocols->begin(), protocols->end()), protocols->end());
  return protocols;
}

std::string protocols_text(const std::vector<std::uint8_t>& protocols) {
  std::string text;
  for (const std::uint8_t protocol : protocols) text += (text.empty() ? "" : ",") + protocol_text(protocol);
  return text;
}

std::optional<PortRange> parse_ports(std::string_view text, std::uint16_t highest) {
  text = trimmed(text);
  const std::size_t sign = text.find_first_of("-:");
  if (sign == std::string_view::npos) {
    const auto port = whole_number<std::uint16_t>(text);
    return port && *port <= highest ? std::optional(PortRange{*port, *port}) : std::nullopt;
  }
  const std::string_view from = trimmed(text.substr(0, sign));
  const std::string_view to = trimmed(text.substr(sign + 1));
  // "-1024" would be a negative number to most readers.
  const bool open = from.empty() && text[sign] == ':' && !to.empty();
  const auto first = open ? std::optional<std::uint16_t>(0) : whole_number<std::uint16_t>(from);
  const auto last = to.empty() ? std::optional(highest) : whole_number<std::uint16_t>(to);
  if (!first || !last || *first > *last || *last > highest) return std::nullopt;
  return PortRange{*first, *last};
}

std::optional<std::vector<PortRange>> parse_port_list(std::string_view text) {
  const auto parse = [](std::string_view one) { return parse_ports(one); };
  auto ranges = parse_list<PortRange>(text, parse);
  return ranges ? std::optional(normalised(std::move(*ranges))) : std::nullopt;
}

std::string ports_text(const std::vector<PortRange>& ports) {
  std::string text;
  for (const PortRange& range : ports) {
    text += (text.empty() ? "" : ",") + std::to_string(range.first) +
            (range.first == range.last ? "" : "-" + std::to_string(range.last));
  }
  return text;
}

std::vector<std::string> tcp_flag_name_list() { return names_in(kTcpFlags); }

std::string tcp_flag_names() { return listed(kTcpFlags); }

std::optional<TcpFlagsMatch> parse_tcp_flags(std::string_view text) {
  TcpFlagsMatch match;
  std::uint8_t unset = 0;
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    std::string_view name = trimmed(text.substr(0, comma));
    const bool negated = name.starts_with('!');
    if (negated) name = trimmed(name.substr(1));
    const auto flag = value_of(kTcpFlags, name);
    if (!flag) return std::nullopt;
    std::uint8_t& flags = negated ? unset : match.value;
    flags = static_cast<std::uint8_t>(flags | *flag);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  if ((match.value & unset) != 0) return std::nullopt;
  match.mask = static_cast<std::uint8_t>(match.value | unset);
  return match;
}

std::string tcp_flags_text(const TcpFlagsMatch& flags) {
  std::string text;
  for (const auto& flag : kTcpFlags) {
    if ((flags.mask & flag.value) == 0) continue;
    if (!text.empty()) text += ',';
    if ((flags.value & flag.value) == 0) text += '!';
    text += flag.name;
  }
  return text;
}

std::optional<ConnectionState> parse_state(std::string_view text) {
  for (const ConnectionState state : kStates) {
    if (same_word(state_name(state), trimmed(text))) return state;
  }
  return std::nullopt;
}

std::optional<RuleAction> parse_action(std::string_view text) { return value_of(kActions, trimmed(text)); }

const char* action_text(RuleAction action) {
  if (const char* name = name_of(kActions, action)) return name;
  throw Error("not an action of a rule: " + std::to_string(static_cast<int>(action)));
}

void add_address_term(std::string_view term, AddressMatch& match) {
  std::string_view rest = trimmed(term);
  const bool exception = rest.starts_with('!');
  if (exception) rest = trimmed(rest.substr(1));
  if (rest.starts_with('@')) {
    rest.remove_prefix(1);
    check_set_name(rest);
    (exception ? match.except_sets : match.sets).emplace_back(rest);
  } else {
    (exception ? match.except_ranges : match.ranges).push_back(parse_address_range(rest));
  }
}

std::vector<std::string> interface_terms(const InterfaceMatch& match) {
  std::vector<std::string> terms = match.names;
  for (const auto& name : match.except) terms.push_back("!" + name);
  return terms;
}

std::vector<std::string> address_terms(const AddressMatch& match) {
  std::vector<std::string> terms;
  for (const auto& range : match.ranges) terms.push_back(prefix_text(range));
  for (const auto& set : match.sets) terms.push_back("@" + set);
  for (const auto& range : match.except_ranges) terms.push_back("!" + prefix_text(range));
  for (const auto& set : match.except_sets) terms.push_back("!@" + set);
  return terms;
}

}  // namespace nicsentry
