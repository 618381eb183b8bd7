// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/rule_text.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "host/base/error.h"
#include "host/rules/language/field_text.h"
#include "host/rules/language/lifetime.h"
#include "host/rules/language/number_fields.h"
#include "host/rules/language/other_tools.h"
#include "host/rules/language/rate_text.h"
#include "host/rules/language/rule_words.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::array<const char*, 22> kFields = {
    "in",   "out", "src",  "dst",       "l4proto", "sport", "dport", "tcpflags", "icmptype", "icmpcode",    "length",
    "dscp", "ttl", "vlan", "conntrack", "action",  "rate",  "burst", "per",      "log",      "description", "expires"};
constexpr const char* kEvery = "every";  // of `log`

// ", in, out, ... and expires"
std::string field_list() {
  std::string list;
  for (const char* field : kFields) list += (field == kFields.back() ? " and " : ", ") + std::string(field);
  return list;
}

constexpr std::size_t kInterfaceNameMax = 16;  // IFNAMSIZ, with the 0 at the end

constexpr const char* kAddressAllowed =
    "an address, a prefix, a range, \"@\" and a set's name, \"!\" and one of these, or a list of them";
constexpr const char* kInterfacesAllowed =
    "an interface's name (1 to 15 characters, without blank, '/' or ':'), \"!\" and such a name, or a list of them";
constexpr const char* kLogAllowed = "true, false, or {\"every\": COUNT} for one of so many packets (1 to 4294967295)";
constexpr const char* kPortsAllowed =
    "a port (0 to 65535), a range of ports from the lower to the higher (\"1000-2000\", \"1000-\"), or a list of these";

// Converters return nullopt for a value that is not allowed.
template <typename Value>
std::optional<Value> from_text(const json& value, std::optional<Value> (*parse)(std::string_view)) {
  if (!value.is_string()) return std::nullopt;
  return parse(value.get_ref<const std::string&>());
}

template <typename Number>
std::optional<Number> from_number(const json& value) {
  if (value.is_number_integer() && !value.is_number_unsigned() && value.get<std::int64_t>() < 0) return std::nullopt;
  const auto number = value.get<std::uint64_t>();
  if (number > std::numeric_limits<Number>::max()) return std::nullopt;
  return static_cast<Number>(number);
}

// A number, a text with commas between several values, or a list of both; as one text.
template <typename Number>
std::optional<std::string> list_text(const json& value) {
  std::string text;
  const auto add = [&text](const json& element) {
    const auto number = element.is_number_integer() ? from_number<Number>(element) : std::nullopt;
    if (!number && !element.is_string()) return false;
    text += text.empty() ? "" : ",";
    text += number ? std::to_string(*number) : element.get_ref<const std::string&>();
    return true;
  };
  // An empty text is no value: it must not vanish from a list.
  const auto is_empty = [](const json& element) {
    return element.is_string() && element.get_ref<const std::string&>().empty();
  };
  if (!value.is_array()) return add(value) ? std::optional(text) : std::nullopt;
  const bool good = std::none_of(value.begin(), value.end(), is_empty) && std::all_of(value.begin(), value.end(), add);
  return good && !value.empty() ? std::optional(text) : std::nullopt;
}

template <typename Number, typename Value>
std::optional<Value> to_list(const json& value, std::optional<Value> (*parse)(std::string_view)) {
  const auto text = list_text<Number>(value);
  return text ? parse(*text) : std::nullopt;
}

std::optional<std::vector<std::uint8_t>> to_protocols(const json& value) {
  return to_list<std::uint8_t>(value, parse_protocols);
}

std::optional<std::vector<PortRange>> to_ports(const json& value) {
  return to_list<std::uint16_t>(value, parse_port_list);
}

std::optional<TcpFlagsMatch> to_tcp_flags(const json& value) { return from_text(value, parse_tcp_flags); }

std::optional<ConnectionState> to_state(const json& value) { return from_text(value, parse_state); }

std::optional<RuleAction> to_action(const json& value) { return from_text(value, parse_action); }

// One of how many packets; 0: none.
std::optional<std::uint32_t> to_log(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (!value.is_object() || value.size() != 1 || !value.contains(kEvery)) return std::nullopt;
  const json& every = value.at(kEvery);
  const auto count = every.is_number_integer() ? from_number<std::uint32_t>(every) : std::nullopt;
  return count == 0U ? std::nullopt : count;
}

std::optional<Rate> to_rate(const json& value) { return from_text(value, parse_rate); }

std::optional<std::uint64_t> to_burst(const json& value) {
  return value.is_number_integer() ? parse_burst(value.dump()) : from_text(value, parse_burst);
}

std::optional<BucketKey> to_per(const json& value) { return from_text(value, parse_per); }

std::optional<std::string> to_string(const json& value) {
  return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
}

std::optional<std::chrono::nanoseconds> to_lifetime(const json& value) {
  return value.is_number() ? lifetime_of_seconds(value.get<double>()) : from_text(value, parse_lifetime);
}

class FieldReader {
 public:
  FieldReader(const json& fields, RuleErrors& errors) : fields_(fields), errors_(errors) {}

  template <typename Value>
  std::optional<Value> read(const char* name, const std::string& allowed,
                            std::optional<Value> (*convert)(const json&)) {
    const auto field = fields_.find(name);
    if (field == fields_.end()) return std::nullopt;
    std::optional<Value> value = convert(*field);
    if (!value) misread(name, *field, allowed + hint_of(name, *field));
    return value;
  }

  // Returns a match of any address if a term is wrong.
  AddressMatch read_addresses(const char* name) {
    const auto field = fields_.find(name);
    if (field == fields_.end()) return {};
    AddressMatch match;
    bool good = true;
    if (field->is_array() && !field->empty()) {
      for (const json& term : *field) good = add_term(name, term, match) && good;
    } else {
      good = add_term(name, *field, match);
    }
    return good ? match : AddressMatch{};
  }

  // Returns a match of any interface if a name is wrong.
  InterfaceMatch read_interfaces(const char* name) {
    const auto field = fields_.find(name);
    if (field == fields_.end()) return {};
    InterfaceMatch match;
    const json list = field->is_array() ? *field : json::array({*field});
    bool good = !list.empty();
    for (const json& term : list) good = good && add_interface(term, match);
    if (!good) misread(name, *field, kInterfacesAllowed);
    return good ? match : InterfaceMatch{};
  }

  // Names of types and codes are read as those of the rule's protocol, which is read before.
  void read_numbers(NumberField number_field, RuleMatch& match) {
    const char* name = number_field_name(number_field);
    const auto field = fields_.find(name);
    if (field == fields_.end() || (is_icmp_field(number_field) && !has_icmp_protocol(name, *field, match))) return;
    const auto text = list_text<std::uint16_t>(*field);
    const auto ranges = text ? parse_numbers(number_field, *text, icmp_protocol(match)) : std::nullopt;
    if (!ranges) {
      const std::string code = meant_code(number_field, text, icmp_protocol(match));
      misread(
          name, *field,
          number_field_allowed(number_field) + (code.empty() ? names_hint(*field, number_words(number_field)) : code));
    } else if (number_field == NumberField::icmp_code && !is_of_type(*text, match)) {
      misread(name, *field, "the name of a code of the rule's icmptype");
    } else {
      match.number(number_field) = *ranges;
    }
  }

  void refuse_unknown() {
    for (const auto& field : fields_.items()) {
      const std::string& name = field.key();
      if (name == "operation" || name == "id") continue;
      if (std::find(kFields.begin(), kFields.end(), name) != kFields.end()) continue;
      errors_.push_back(excerpt(std::string_view(name)) + ": unknown field, allowed are operation, id" + field_list() +
                        field_hint(name, kFields));
    }
  }

 private:
  bool has_icmp_protocol(const char* name, const json& value, const RuleMatch& match) {
    if (icmp_protocol(match) != 0) return true;
    const std::string with =
        match.protocols.empty() ? " without l4proto" : " together with l4proto " + protocols_text(match.protocols);
    errors_.push_back(name + std::string(": read ") + excerpt(value) + with +
                      ", allowed are types and codes with l4proto ICMP or ICMPv6, one of them alone");
    return false;
  }

  // iptables' names of a type together with its code.
  static std::string meant_code(NumberField field, const std::optional<std::string>& text, std::uint8_t protocol) {
    const auto type = text ? icmp_type_of_code(*text, protocol) : std::nullopt;
    if (field != NumberField::icmp_type || !type) return {};
    return "; did you mean icmptype " + number_text(NumberField::icmp_type, *type, protocol) + " with icmpcode " +
           *text + "?";
  }

  // A code's name says its type, too. A rule without types is refused for that.
  static bool is_of_type(std::string_view names, const RuleMatch& match) {
    const NumberRanges& types = match.number(NumberField::icmp_type);
    for (bool more = !types.empty(); more;) {
      const std::size_t comma = names.find(',');
      const auto type = icmp_type_of_code(names.substr(0, comma), icmp_protocol(match));
      if (type && types != NumberRanges{{*type, *type}}) return false;
      more = comma != std::string_view::npos;
      if (more) names.remove_prefix(comma + 1);
    }
    return true;
  }

  // For the first of the words, with commas between, that is none of the names but near one of them. Copies no value:
  // it may be nested to any depth.
  static std::string names_hint(const json& value, const std::vector<std::string>& names) {
    if (value.is_string()) return words_hint(value.get_ref<const std::string&>(), names);
    if (!value.is_array()) return {};
    for (const json& one : value) {
      std::string hint = one.is_string() ? words_hint(one.get_ref<const std::string&>(), names) : std::string();
      if (!hint.empty()) return hint;
    }
    return {};
  }

  static std::string words_hint(std::string_view words, const std::vector<std::string>& names) {
    for (bool more = true; more;) {
      const std::size_t comma = words.find(',');
      if (std::string hint = name_hint(words.substr(0, comma), names); !hint.empty()) return hint;
      more = comma != std::string_view::npos;
      if (more) words.remove_prefix(comma + 1);
    }
    return {};
  }

  static std::string hint_of(const char* name, const json& value) {
    constexpr std::array kActionsMeant = {"drop", "accept", "forward", "log", "count", "limit"};
    if (std::string_view(name) != "action") return names_hint(value, rule_word_values(name));
    return value.is_string() ? value_hint(value.get_ref<const std::string&>(), kActionsMeant) : "";
  }

  // A name as the kernel takes it (dev_valid_name() in net/core/dev.c).
  static bool add_interface(const json& term, InterfaceMatch& match) {
    if (!term.is_string()) return false;
    std::string_view name = term.get_ref<const std::string&>();
    const bool except = name.starts_with('!');
    if (except) name.remove_prefix(1);
    const bool valid = !name.empty() && name.size() < kInterfaceNameMax && name != "." && name != ".." &&
                       std::none_of(name.begin(), name.end(), [](char letter) {
                         return letter == '/' || letter == ':' || letter == '!' || letter <= ' ' || letter == 0x7f;
                       });
    if (valid) (except ? match.except : match.names).emplace_back(name);
    return valid;
  }

  bool add_term(const char* name, const json& term, AddressMatch& match) {
    if (!term.is_string()) {
      misread(name, term, kAddressAllowed);
      return false;
    }
    try {
      add_address_term(term.get_ref<const std::string&>(), match);
    } catch (const Error& error) {
      errors_.push_back(name + std::string(": ") + error.what());
      return false;
    }
    return true;
  }

  void misread(const char* name, const json& value, const std::string& allowed) {
    errors_.push_back(name + std::string(": read ") + excerpt(value) + ", allowed is " + allowed);
  }

  const json& fields_;
  RuleErrors& errors_;
};

void check_protocol(const RuleMatch& match, RuleErrors& errors) {
  const auto with_other_than = [&match](std::initializer_list<int> allowed) {
    const auto found = std::find_if(match.protocols.begin(), match.protocols.end(), [allowed](int protocol) {
      return std::find(allowed.begin(), allowed.end(), protocol) == allowed.end();
    });
    return found == match.protocols.end() ? "" : " together with l4proto " + protocol_text(*found);
  };
  const auto check_ports = [&](const char* name, const std::vector<PortRange>& ports) {
    const std::string with_protocol = with_other_than({IPPROTO_TCP, IPPROTO_UDP});
    if (!ports.empty() && !with_protocol.empty()) {
      errors.push_back(name + std::string(": read ") + ports_text(ports) + with_protocol +
                       ", allowed are ports with TCP or UDP only");
    }
  };
  check_ports("sport", match.source_ports);
  check_ports("dport", match.destination_ports);
  const std::string with_protocol = with_other_than({IPPROTO_TCP});
  if (match.tcp_flags && !with_protocol.empty()) {
    errors.push_back("tcpflags: read \"" + tcp_flags_text(*match.tcp_flags) + "\"" + with_protocol +
                     ", allowed are flags with TCP only");
  }
}

void check_icmp(const RuleMatch& match, RuleErrors& errors) {
  const std::string codes = numbers_text(NumberField::icmp_code, match);
  if (!codes.empty() && match.number(NumberField::icmp_type).empty()) {
    errors.push_back("icmpcode: read " + codes + " without icmptype, allowed is a code together with its type");
  }
}

// Returns the IP version of all addresses that match, if they have the same.
std::optional<int> only_version(const AddressMatch& match) {
  if (match.ranges.empty() || !match.sets.empty()) return std::nullopt;
  const std::uint8_t version = match.ranges.front().first.version;
  const bool only = std::all_of(match.ranges.begin(), match.ranges.end(),
                                [version](const AddressRange& range) { return range.first.version == version; });
  return only ? std::optional(version) : std::nullopt;
}

void check_families(const RuleMatch& match, RuleErrors& errors) {
  const auto source = only_version(match.source);
  const auto destination = only_version(match.destination);
  if (source && destination && *source != *destination) {
    errors.push_back("dst: read addresses of IPv" + std::to_string(*destination) + " only together with src of IPv" +
                     std::to_string(*source) + " only, allowed are families that can meet in a packet");
  }
}

// Types and codes are read of ICMP in IPv4 and of ICMPv6 in IPv6 only.
void check_icmp_family(const RuleMatch& match, RuleErrors& errors) {
  if (match.number(NumberField::icmp_type).empty()) return;
  const int version = icmp_protocol(match) == IPPROTO_ICMPV6 ? 6 : 4;
  for (const AddressMatch* end : {&match.source, &match.destination}) {
    if (only_version(*end).value_or(version) != version) {
      errors.push_back("icmptype: read together with l4proto " + protocols_text(match.protocols) +
                       " and addresses of the other family only, allowed are ICMP with IPv4 and ICMPv6 with IPv6");
      return;
    }
  }
}

// `accept` that logs is the action `log`; a rule says how often only where the action does not.
void set_log(Rule& rule, std::optional<std::uint32_t> every, RuleErrors& errors) {
  if (!every || (*every == 0 && rule.action != RuleAction::log)) return;
  if (rule.action == RuleAction::count) {
    errors.emplace_back("log: read together with action count, allowed are records with drop, accept and log only");
  } else if (*every == 0) {
    errors.emplace_back("log: read false together with action log, allowed is that with drop and accept only");
  } else {
    rule.action = rule.action == RuleAction::accept ? RuleAction::log : rule.action;
    rule.log_every = *every == 1 && rule.action == RuleAction::log ? 0 : *every;
  }
}

// A bucket fills within a day: the program's times reach no further.
bool fills_within_a_day(const Limit& limit) {
  constexpr std::uint64_t kDaySeconds = 86400;
  const double amount = static_cast<double>(limit.burst_of()) * (limit.rate.bits ? 8 : 1);
  return amount * limit.rate.period_s <= static_cast<double>(limit.rate.amount) * kDaySeconds;
}

void set_limit(Rule& rule, const json& fields, FieldReader& reader, RuleErrors& errors) {
  const bool has_rate = fields.contains("rate");
  const auto rate = reader.read("rate", kRateAllowed, to_rate);
  const auto burst = reader.read("burst", kBurstAllowed, to_burst);
  const auto per = reader.read("per", kPerAllowed, to_per);
  if (rule.action != RuleAction::limit) {
    for (const char* name : {"rate", "burst", "per"}) {
      if (fields.contains(name)) {
        errors.push_back(name + std::string(": read together with action ") + action_text(rule.action) +
                         ", allowed is that with action limit only");
      }
    }
    return;
  }
  const bool in_bytes = burst && fields.at("burst").is_string() &&
                        fields.at("burst").get_ref<const std::string&>().find_first_of("Bb") != std::string::npos;
  if (rate && burst && rate->bits != in_bytes) {
    errors.push_back("burst: read " + excerpt(fields.at("burst")) + " with rate " + rate_text(*rate) + ", allowed " +
                     (rate->bits ? "are bytes with their unit (\"64kB\")" : "is a number of packets"));
  }
  if (!has_rate) errors.push_back(std::string("rate: missing, allowed is ") + kRateAllowed);
  rule.limit = Limit{rate.value_or(Rate{}), burst, per.value_or(BucketKey{})};
  if (rate && !fills_within_a_day(*rule.limit)) {
    errors.push_back("burst: read " + burst_text(rule.limit->burst_of(), rate->bits) + " with rate " +
                     rate_text(*rate) + ", allowed is what the rate gives in a day at most");
  }
}

ordered_json log_json(std::uint32_t every) {
  if (every == 1) return true;
  return {{kEvery, every}};
}

ordered_json addresses_json(const AddressMatch& match) {
  std::vector<std::string> terms = address_terms(match);
  if (terms.size() == 1) return std::move(terms.front());
  return terms;
}

ordered_json interfaces_json(const InterfaceMatch& match) {
  std::vector<std::string> terms = interface_terms(match);
  if (terms.size() == 1) return std::move(terms.front());
  return terms;
}

ordered_json ports_json(const std::vector<PortRange>& ports) {
  if (ports.size() == 1 && ports.front().first == ports.front().last) return ports.front().first;
  return ports_text(ports);
}

ordered_json numbers_json(NumberField field, const RuleMatch& match) {
  std::string text = numbers_text(field, match);
  const NumberRanges& ranges = match.number(field);
  if (ranges.size() == 1 && text == std::to_string(ranges.front().first)) return ranges.front().first;
  return text;
}

ordered_json protocols_json(const std::vector<std::uint8_t>& protocols) {
  if (protocols.size() == 1 && protocol_keyword(protocols.front()) == nullptr) return protocols.front();
  return protocols_text(protocols);
}

}  // namespace

std::span<const char* const> rule_fields() { return kFields; }

Rule parse_rule(const json& fields, TimestampNs now_ns, RuleErrors& errors) {
  Rule rule;
  if (!fields.is_object()) {
    errors.push_back("read " + excerpt(fields) + ", allowed is an object with the fields of a rule");
    return rule;
  }
  FieldReader reader(fields, errors);
  RuleMatch& match = rule.match;
  match.in = reader.read_interfaces("in");
  match.out = reader.read_interfaces("out");
  match.source = reader.read_addresses("src");
  match.destination = reader.read_addresses("dst");
  match.protocols =
      reader
          .read("l4proto", "one of " + protocol_names() + ", a number from 0 to 255, or a list of these", to_protocols)
          .value_or(std::vector<std::uint8_t>{});
  match.source_ports = reader.read("sport", kPortsAllowed, to_ports).value_or(std::vector<PortRange>{});
  match.destination_ports = reader.read("dport", kPortsAllowed, to_ports).value_or(std::vector<PortRange>{});
  match.tcp_flags = reader.read("tcpflags",
                                "one or more of " + tcp_flag_names() +
                                    " with commas between, \"!\" before those that are not set, none both ways",
                                to_tcp_flags);
  for (const NumberField field : kNumberFields) reader.read_numbers(field, match);
  match.state = reader.read("conntrack", "NEW, ESTABLISHED, RELATED or INVALID", to_state);
  rule.action =
      reader.read("action", "drop, accept, forward, log, count or limit", to_action).value_or(RuleAction::drop);
  set_limit(rule, fields, reader, errors);
  set_log(rule, reader.read("log", kLogAllowed, to_log), errors);
  rule.description = reader.read("description", "a string", to_string).value_or("");
  if (const auto lifetime = reader.read("expires", kLifetimeAllowed, to_lifetime)) {
    rule.lifetime = lifetime;
    rule.expires_ns = now_ns + lifetime->count();
  }
  reader.refuse_unknown();
  check_protocol(match, errors);
  check_icmp(match, errors);
  check_families(match, errors);
  check_icmp_family(match, errors);
  return rule;
}

ordered_json rule_json(const Rule& rule, std::size_t id, TimestampNs now_ns) {
  const RuleMatch& match = rule.match;
  ordered_json fields = {{"id", id}};
  if (!match.in.any()) fields["in"] = interfaces_json(match.in);
  if (!match.out.any()) fields["out"] = interfaces_json(match.out);
  if (!match.source.any()) fields["src"] = addresses_json(match.source);
  if (!match.destination.any()) fields["dst"] = addresses_json(match.destination);
  if (!match.protocols.empty()) fields["l4proto"] = protocols_json(match.protocols);
  if (!match.source_ports.empty()) fields["sport"] = ports_json(match.source_ports);
  if (!match.destination_ports.empty()) fields["dport"] = ports_json(match.destination_ports);
  if (match.tcp_flags) fields["tcpflags"] = tcp_flags_text(*match.tcp_flags);
  for (const NumberField field : kNumberFields) {
    if (!match.number(field).empty()) fields[number_field_name(field)] = numbers_json(field, match);
  }
  if (match.state) fields["conntrack"] = state_name(*match.state);
  fields["action"] = action_text(rule.action);
  if (rule.limit) {
    fields["rate"] = rate_text(rule.limit->rate);
    if (rule.limit->burst) {
      fields["burst"] =
          rule.limit->rate.bits ? ordered_json(burst_text(*rule.limit->burst, true)) : ordered_json(*rule.limit->burst);
    }
    if (rule.limit->key != BucketKey{}) fields["per"] = per_text(rule.limit->key);
  }
  if (rule.log_every != 0) fields["log"] = log_json(rule.log_every);
  if (!rule.description.empty()) fields["description"] = rule.description;
  if (rule.expires_ns) fields["expires"] = lifetime_text(std::chrono::nanoseconds(*rule.expires_ns - now_ns));
  return fields;
}

std::string python_json(const ordered_json& value) {
  if (!value.is_structured()) return value.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
  std::string text;
  for (const auto& item : value.items()) {
    if (!text.empty()) text += ", ";
    if (value.is_object()) text += python_json(item.key()) + ": ";
    text += python_json(item.value());
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

std::string chain_text(const std::string& title, const ChainRules& chain, TimestampNs now_ns) {
  std::string text = title + " rules:\n";
  for (std::size_t id = 0; id < chain.rules.size(); ++id) {
    text += "\t" + python_json(rule_json(chain.rules[id], id, now_ns)) + "\n";
  }
  Rule default_policy;
  default_policy.action = chain.default_action;
  default_policy.description = "Default Policy";
  return text + "\t" + python_json(rule_json(default_policy, chain.rules.size(), now_ns)) + "\n";
}

}  // namespace nicsentry
