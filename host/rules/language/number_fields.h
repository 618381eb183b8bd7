// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry {

// The fields of a rule that are numbers, in the order in which they are written. Programs on the card read none of
// them.
inline constexpr std::array kNumberFields = {NumberField::icmp_type, NumberField::icmp_code, NumberField::length,
                                             NumberField::dscp,      NumberField::ttl,       NumberField::vlan};

const char* number_field_name(NumberField field);          // "icmptype", "length", ...
std::uint16_t number_field_last(NumberField field);        // its highest value; of VLANs kNoVlan
std::string number_field_allowed(NumberField field);       // for messages: "a number from 0 to 255, ..."
bool is_icmp_field(NumberField field);                     // types and codes
std::vector<std::string> number_words(NumberField field);  // names of its values, for completion

// One value: a name or a number. Names of ICMP's types and codes depend on the protocol: 1 or 58.
std::optional<std::uint16_t> parse_number(NumberField field, std::string_view text, std::uint8_t protocol);
// Values and ranges with commas between, normalised(): "echo-request,3", "0-100", "10,none".
std::optional<NumberRanges> parse_numbers(NumberField field, std::string_view text, std::uint8_t protocol);

// The type that a code's name is of: "host-redirect" is one of redirect. Nothing where it is no such name.
std::optional<std::uint16_t> icmp_type_of_code(std::string_view name, std::uint8_t protocol);

// The values as parse_numbers() reads them; single ones by their names, those of codes where the rule has one type.
std::string numbers_text(NumberField field, const RuleMatch& match);
std::string number_text(NumberField field, std::uint16_t value, std::uint8_t protocol);

// The protocol that the rule's ICMP types are of: 1 or 58; 0 where it is not one of these alone.
std::uint8_t icmp_protocol(const RuleMatch& match);

}  // namespace nicsentry
