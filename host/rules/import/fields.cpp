// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/import/fields.h"

#include <algorithm>
#include <utility>

#include "host/base/error.h"
#include "host/rules/import/condition.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/field_text.h"
#include "host/rules/language/number_fields.h"
#include "host/rules/language/words.h"

namespace nicsentry::foreign {
namespace {

std::string read(const std::string& text) { return "read " + excerpt(std::string_view(text)); }

struct ProtocolName {
  const char* name;
  std::uint8_t number;
};
// Names of /etc/protocols that rules do not have.
constexpr ProtocolName kProtocols[] = {{"ipv6-icmp", 58}, {"icmp6", 58}, {"ipencap", 4},   {"ipv6", 41},
                                       {"ipcomp", 108},   {"comp", 108}, {"udplite", 136}, {"l2tp", 115},
                                       {"eigrp", 88},     {"egp", 8}};

}  // namespace

AddressRange read_address(const std::string& text) {
  const ReadRange found = read_address_range(text);
  if (found.wrong != nullptr) throw Untold(read(text) + ", no address");
  return found.range;
}

PortRange read_ports(const std::string& text) {
  const auto ports = parse_ports(text);
  if (!ports) throw Untold(read(text) + ", no port");
  return *ports;
}

std::uint16_t read_number(NumberField field, const std::string& text, std::uint8_t protocol) {
  const auto number = parse_number(field, text, protocol);
  if (!number) throw Untold(read(text) + ", no value of " + number_field_name(field));
  return *number;
}

std::uint16_t highest(NumberField field) {
  return static_cast<std::uint16_t>(number_field_last(field) - (field == NumberField::vlan ? 1 : 0));
}

NumberRanges chosen_numbers(NumberField field, const NumberRanges& numbers, bool negated) {
  NumberRanges chosen = negated ? other_numbers(numbers, highest(field)) : normalised(numbers);
  if (chosen.empty()) throw Untold(std::string("no value of ") + number_field_name(field) + " is left");
  return chosen;
}

std::uint8_t read_protocol(const std::string& text) {
  for (const ProtocolName& known : kProtocols) {
    if (same_word(known.name, text)) return known.number;
  }
  const auto protocol = parse_protocol(text);
  if (!protocol) throw Untold(read(text) + ", no protocol that is known by this name");
  return *protocol;
}

std::uint8_t read_flag(const std::string& text) {
  const auto flag = parse_tcp_flags(same_word(text, "ecn") ? "ECE" : text);
  if (!flag || flag->mask != flag->value) throw Untold(read(text) + ", no TCP flag");
  return flag->value;
}

std::uint8_t read_state(const std::string& text) {
  if (same_word(text, "untracked")) return 0;
  const auto state = parse_state(text);
  if (!state) throw Untold(read(text) + ", no state of a connection that rules have");
  return state_bit(*state);
}

std::string read_interface(const std::string& text, char wildcard) {
  if (text.find(wildcard) != std::string::npos) throw Untold(read(text) + ": a rule names each interface");
  return text;
}

std::vector<std::uint8_t> normalised_protocols(std::vector<std::uint8_t> protocols) {
  std::sort(protocols.begin(), protocols.end());
  protocols.erase(std::unique(protocols.begin(), protocols.end()), protocols.end());
  return protocols;
}

}  // namespace nicsentry::foreign
