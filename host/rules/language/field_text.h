// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry {

// Conversions between a rule's fields and their texts. Parsers return nullopt for an invalid text and ignore the case
// of names.

std::vector<std::string> protocol_name_list();
std::string protocol_names();                                       // "TCP, UDP, ..."
std::optional<std::uint8_t> parse_protocol(std::string_view text);  // a name, or "0" to "255"
const char* protocol_keyword(std::uint8_t protocol);                // nullptr if it has no name here
std::string protocol_text(std::uint8_t protocol);                   // its name, or the number if it has none
std::optional<std::vector<std::uint8_t>> parse_protocols(std::string_view text);  // "TCP,UDP", sorted, each once
std::string protocols_text(const std::vector<std::uint8_t>& protocols);

// "80", "1000-2000", "1000:2000"; "1000-" reaches to the highest, ":2000" from 0. Numbers can be hexadecimal ("0x50").
std::optional<PortRange> parse_ports(std::string_view text, std::uint16_t highest = 0xffff);
std::optional<std::vector<PortRange>> parse_port_list(std::string_view text);  // "22,80,8000-8100", normalised()
std::string ports_text(const std::vector<PortRange>& ports);

std::vector<std::string> tcp_flag_name_list();
std::string tcp_flag_names();                                         // "SYN, FIN, ..."
std::optional<TcpFlagsMatch> parse_tcp_flags(std::string_view text);  // "SYN,!ACK"
std::string tcp_flags_text(const TcpFlagsMatch& flags);

std::optional<ConnectionState> parse_state(std::string_view text);

std::optional<RuleAction> parse_action(std::string_view text);
const char* action_text(RuleAction action);  // "drop", "forward", "log", "count", "limit"

// Returns the terms of a match: names, then exceptions with '!' before them.
std::vector<std::string> interface_terms(const InterfaceMatch& match);

// Adds a term to a match: "10.0.0.0/8", "@set", or an exception with '!' before it. Throws Error that quotes the term
// and names the allowed forms.
void add_address_term(std::string_view term, AddressMatch& match);
// Returns the terms of a match: ranges, sets, then exceptions. Addresses are in prefix notation ("10.0.0.1/32").
std::vector<std::string> address_terms(const AddressMatch& match);

}  // namespace nicsentry
