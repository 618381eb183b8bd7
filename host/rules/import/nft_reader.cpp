// SPDX-License-Identifier: GPL-2.0-or-later
// The output of `nft -j list ruleset` (libnftables-json(5)).
#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "host/base/error.h"
#include "host/rules/import/fields.h"
#include "host/rules/import/foreign_rules.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/words.h"

namespace nicsentry::foreign {
namespace {

using nlohmann::json;

constexpr const char* kNoField = "no rule has such a field";

std::string text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// "table inet filter chain input".
std::string chain_key(const json& object, const std::string& chain) {
  return text(object, "family") + " " + text(object, "table") + " " + chain;
}

// An element of a set may stand in an object with its counter or its timeout.
const json& plain(const json& element) {
  return element.is_object() && element.contains("elem") ? element.at("elem").at("val") : element;
}

// The values that a match lists: one, those of an anonymous set, or those of a list.
std::vector<json> values_of(const json& right) {
  if (right.is_object() && right.contains("set")) return values_of(right.at("set"));
  if (!right.is_array()) return {plain(right)};
  std::vector<json> values;
  for (const json& element : right) values.push_back(plain(element));
  return values;
}

std::string word(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.dump();
  throw Untold("read " + excerpt(value) + ", not a single value");
}

AddressRange address_of(const json& value) {
  if (value.is_object() && value.contains("prefix")) {
    const json& prefix = value.at("prefix");
    return read_address(word(prefix.at("addr")) + "/" + word(prefix.at("len")));
  }
  if (value.is_object() && value.contains("range")) {
    return read_address(word(value.at("range").at(0)) + "-" + word(value.at("range").at(1)));
  }
  return read_address(word(value));
}

PortRange ports_of(const json& value) {
  if (value.is_object() && value.contains("range")) {
    return read_ports(word(value.at("range").at(0)) + "-" + word(value.at("range").at(1)));
  }
  return read_ports(word(value));
}

struct NumberPlace {
  const char* protocol;
  const char* field;
  NumberField number;
  std::uint8_t family;       // 0: of both
  std::uint8_t of_protocol;  // 0: of any
};
constexpr NumberPlace kNumberPlaces[] = {
    {"icmp", "type", NumberField::icmp_type, 0, 1},    {"icmp", "code", NumberField::icmp_code, 0, 1},
    {"icmpv6", "type", NumberField::icmp_type, 0, 58}, {"icmpv6", "code", NumberField::icmp_code, 0, 58},
    {"ip", "dscp", NumberField::dscp, 4, 0},           {"ip6", "dscp", NumberField::dscp, 6, 0},
    {"ip", "length", NumberField::length, 4, 0},       {"ip", "ttl", NumberField::ttl, 4, 0},
    {"ip6", "hoplimit", NumberField::ttl, 6, 0},       {"vlan", "id", NumberField::vlan, 0, 0}};
constexpr NumberPlace kMetaLength{"meta", "length", NumberField::length, 0, 0};

// Where nft has a field of numbers; nullptr: it is none.
const NumberPlace* number_place(const json& left) {
  if (left.contains("meta")) return text(left.at("meta"), "key") == kMetaLength.field ? &kMetaLength : nullptr;
  if (!left.contains("payload")) return nullptr;
  const auto* found = std::find_if(std::begin(kNumberPlaces), std::end(kNumberPlaces), [&](const NumberPlace& place) {
    return text(left.at("payload"), "protocol") == place.protocol && text(left.at("payload"), "field") == place.field;
  });
  return found == std::end(kNumberPlaces) ? nullptr : found;
}

bool is_order(const std::string& op) { return op == "<" || op == ">" || op == "<=" || op == ">="; }

class NftReader {
 public:
  NftReader(ForeignRules& rules, LeftOut& left_out) : rules_(rules), left_out_(left_out) {}

  void read(const json& list) {
    for (const json& object : list) {
      if (object.contains("set")) add_set(object.at("set"));
    }
    for (const json& object : list) {
      if (object.contains("chain")) add_chain(object.at("chain"));
    }
    for (const json& object : list) {
      if (object.contains("rule")) add_rule(object.at("rule"));
    }
  }

 private:
  struct NamedSet {
    std::string name;  // of ours; empty: it has no addresses
    std::uint8_t family = 0;
    std::vector<json> elements;
    std::optional<std::uint64_t> timeout_s;  // of elements without one of their own
  };

  static std::string set_key(const std::string& family, const std::string& table, const std::string& name) {
    return family + " " + table + " " + name;
  }

  // Names of sets are names of files here.
  static std::string plain_name(std::string name) {
    std::replace_if(
        name.begin(), name.end(), [](char letter) { return letter == '/' || letter == '\\'; }, '_');
    return name;
  }

  std::string set_name(const std::string& family, const std::string& table, const std::string& name) {
    const auto usable = [this](const std::string& one) {
      return one != "blocked" && one != "allowed" && !names_.contains(one);
    };
    const std::string of_table = table + "." + name;
    const std::string whole = family + "." + of_table;
    std::string made;
    for (const std::string& wanted : {name, of_table, whole}) {
      made = plain_name(wanted);
      if (usable(made)) break;
    }
    for (int number = 2; !usable(made); ++number) made = plain_name(whole) + "-" + std::to_string(number);
    check_set_name(made);
    names_.insert(made);
    return made;
  }

  void add_set(const json& set) {
    const std::string family = text(set, "family");
    const std::string table = text(set, "table");
    const std::string name = text(set, "name");
    NamedSet named;
    const std::string type = text(set, "type");
    if (set.contains("timeout")) named.timeout_s = set.at("timeout").get<std::uint64_t>();
    named.elements = values_of(set.value("elem", json::array()));
    try {
      if (type == "ipv4_addr" || type == "ipv6_addr") {
        named.family = type == "ipv4_addr" ? 4 : 6;
        RulesetSet made{set_name(family, table, name), {}};
        for (const json& element : set.value("elem", json::array())) made.entries.push_back(entry_of(element));
        named.name = made.name;
        pending_.emplace(set_key(family, table, name), std::move(made));
      }
    } catch (const std::exception& error) {
      left_out_.push_back("set " + set_key(family, table, name) + ": " + error.what());
    }
    sets_.emplace(set_key(family, table, name), std::move(named));
  }

  static RulesetEntry entry_of(const json& element) {
    RulesetEntry entry{address_of(plain(element))};
    if (element.is_object() && element.contains("elem")) {
      const json& elem = element.at("elem");
      const auto end = elem.find(elem.contains("expires") ? "expires" : "timeout");
      if (end != elem.end() && end->is_number_integer()) {
        entry.expires_ns = std::chrono::nanoseconds(std::chrono::seconds(end->get<std::int64_t>())).count();
      }
    }
    return entry;
  }

  void add_chain(const json& chain) {
    ForeignChain made;
    made.name = chain_key(chain, text(chain, "name"));
    made.where = made.name;
    const std::string family = text(chain, "family");
    if (family == "ip") made.family = 4;
    if (family == "ip6") made.family = 6;
    made.drops = text(chain, "policy") == "drop";
    if (const auto priority = chain.find("prio"); priority != chain.end() && priority->is_number_integer()) {
      made.priority = priority->get<std::int64_t>();
    }
    const std::string hook = text(chain, "hook");
    if (!hook.empty()) {
      const bool filter =
          text(chain, "type") == "filter" && family != "bridge" && family != "arp" && family != "netdev";
      if (filter && hook == "input") made.hook = Chain::ingress;
      if (filter && hook == "output") made.hook = Chain::egress;
      if (!made.hook) {
        foreign_hooks_[made.name] = "the hook " + hook + " of " + family + " (" + text(chain, "type") + ")";
        if (made.drops) left_out_.push_back(made.where + ": the policy of drop of " + foreign_hooks_[made.name]);
      }
    }
    rules_.chains.push_back(std::move(made));
  }

  void add_rule(const json& rule) {
    const std::string key = chain_key(rule, text(rule, "chain"));
    const std::string where = key + (rule.contains("handle") ? " handle " + rule.at("handle").dump() : "");
    const auto chain = std::find_if(rules_.chains.begin(), rules_.chains.end(),
                                    [&key](const ForeignChain& one) { return one.name == key; });
    try {
      if (chain == rules_.chains.end()) throw Untold("its chain is not in the file");
      if (const auto hook = foreign_hooks_.find(key); hook != foreign_hooks_.end()) throw Untold(hook->second);
      table_ = text(rule, "family") + " " + text(rule, "table");
      rule_chain_ = key.substr(0, key.size() - text(rule, "chain").size());
      for (ForeignRule& made : rules_of(rule)) {
        made.where = where;
        made.description = text(rule, "comment");
        chain->rules.push_back(std::move(made));
      }
    } catch (const Untold& untold) {
      left_out_.push_back(where + ": " + untold.what());
    } catch (const json::exception&) {
      left_out_.push_back(where + ": its JSON is of an unknown form");
    }
  }

  // Several where a map gives each value a verdict of its own.
  std::vector<ForeignRule> rules_of(const json& rule) {
    ForeignRule made;
    std::vector<ForeignRule> mapped;
    bool never = false;
    const auto narrow = [&](const Condition& with, ForeignRule& what) {
      const auto both = both_of(what.condition, with);
      if (both) what.condition = *both;
      return both.has_value();
    };
    for (const json& statement : rule.at("expr")) {
      const std::string kind = statement.begin().key();
      const json& value = statement.begin().value();
      if (made.verdict != Verdict::none || !mapped.empty()) throw Untold(kind + ": it stands behind the verdict");
      if (made.limit && (kind == "match" || kind == "vmap" || is_limit(kind))) {
        throw Untold(kind + ": it stands behind a limit, which packets meet that it does not match");
      }
      if (kind == "match") {
        never = !narrow(condition_of(value), made) || never;
      } else if (is_limit(kind)) {
        const KeyedLimit found = limit_of_statement(kind, value);
        never = !narrow(found.condition, made) || never;
        made.limit = found.limit;
      } else if (kind == "counter") {
        made.counts = true;
      } else if (kind == "log") {
        made.logs = true;
      } else if (kind == "vmap") {
        for (const json& pair : values_of(value.at("data"))) {
          ForeignRule one = made;
          const bool possible =
              narrow(condition_of({{"op", "=="}, {"left", value.at("key")}, {"right", pair.at(0)}}), one);
          set_verdict(pair.at(1), one);
          if (possible) mapped.push_back(std::move(one));
        }
        if (mapped.empty()) never = true;
      } else {
        set_verdict(statement, made);
      }
    }
    if (never) return {};
    return mapped.empty() ? std::vector<ForeignRule>{made} : mapped;
  }

  static bool is_limit(const std::string& kind) { return kind == "limit" || kind == "set" || kind == "meter"; }

  // A limit, and the packets that have a bucket of it.
  struct KeyedLimit {
    Condition condition;
    ForeignLimit limit;
  };

  // "limit", or one for each element of a set: "add @s { ip saddr limit ... }", "meter s { ... }".
  KeyedLimit limit_of_statement(const std::string& kind, const json& value) {
    if (kind == "limit") return {{}, plain_limit(value)};
    const bool meter = kind == "meter";
    const json& element = value.at(meter ? "key" : "elem");
    const json statements = meter ? json::array({value.at("stmt")}) : value.value("stmt", json::array());
    if (statements.size() != 1 || !statements.at(0).contains("limit")) {
      throw Untold(kind + ": a rule changes no set");
    }
    const std::string name = meter ? text(value, "name") : text(value, "set");
    if (!limiting_sets_.insert(table_ + " " + name).second) {
      throw Untold(kind + ": two rules have buckets in " + name + ", here each has its own");
    }
    KeyedLimit made{{}, plain_limit(statements.at(0).at("limit"))};
    set_key_of(plain(element), made);
    const auto timeout = timeout_of(element, meter ? std::string() : name);
    const std::string op = meter ? "update" : text(value, "op");
    if (timeout && op == "add") {
      made.limit.note = "elements of " + name + " end after " + std::to_string(*timeout) +
                        " s, and their buckets are full then; here they stay";
    } else if (timeout) {
      made.limit.note = forgets_too_soon(made.limit.limit, *timeout);
    }
    return made;
  }

  // In seconds; nothing where elements stay.
  std::optional<std::uint64_t> timeout_of(const json& element, const std::string& set) const {
    if (element.is_object() && element.contains("elem") && element.at("elem").contains("timeout")) {
      return element.at("elem").at("timeout").get<std::uint64_t>();
    }
    const auto known = set.empty() ? sets_.end() : sets_.find(table_ + " " + set.substr(1));
    return known == sets_.end() ? std::nullopt : known->second.timeout_s;
  }

  static ForeignLimit plain_limit(const json& limit) {
    if (!limit.is_object()) throw Untold("limit: one with a name, which several rules can share");
    const auto amount = limit.at("rate").get<std::uint64_t>();
    const auto burst = limit.value("burst", std::uint64_t{0});
    const std::string unit = limit.value("rate_unit", "packets");
    const std::string per = limit.value("per", "second");
    ForeignLimit made;
    made.limit = unit == "packets"
                     ? packets_limit(amount, per, burst == 0 ? kUsualBurst : burst)
                     : bytes_limit(amount * bytes_of(unit), per, burst * bytes_of(limit.value("burst_unit", "bytes")));
    made.beyond = limit.value("inv", false);
    return made;
  }

  static std::uint64_t bytes_of(const std::string& unit) {
    if (unit == "bytes") return 1;
    if (unit == "kbytes") return 1024;
    if (unit == "mbytes") return std::uint64_t{1024} * 1024;
    throw Untold("limit: the unit " + unit);
  }

  // An address, or a prefix of one.
  static void set_key_of(const json& key, KeyedLimit& made) {
    const bool masked = key.is_object() && key.contains("&");
    const json& field = masked ? key.at("&").at(0) : key;
    const std::string protocol = field.contains("payload") ? text(field.at("payload"), "protocol") : "";
    const std::string end = field.contains("payload") ? text(field.at("payload"), "field") : "";
    if ((protocol != "ip" && protocol != "ip6") || (end != "saddr" && end != "daddr")) {
      throw Untold("limit: buckets are for a source or a destination only");
    }
    const bool ipv4 = protocol == "ip";
    made.condition.family = ipv4 ? 4 : 6;
    const unsigned prefix = masked ? mask_length(word(key.at("&").at(1))) : ipv4 ? 32 : 128;
    made.limit.limit.key = bucket_key(end == "saddr", ipv4, prefix);
  }

  void set_verdict(const json& statement, ForeignRule& rule) {
    const std::string kind = statement.begin().key();
    const json& value = statement.begin().value();
    if (kind == "accept") {
      rule.verdict = Verdict::accept;
    } else if (kind == "drop") {
      rule.verdict = Verdict::drop;
    } else if (kind == "return") {
      rule.verdict = Verdict::back;
    } else if (kind == "jump" || kind == "goto") {
      rule.verdict = kind == "jump" ? Verdict::jump : Verdict::go_to;
      rule.target = rule_chain_ + text(value, "target");
    } else if (kind == "reject") {
      rule.verdict = Verdict::drop;
      rule.note = kReject;
    } else {
      throw Untold(kind + ": no rule has such a statement");
    }
  }

  Condition condition_of(const json& match) {
    const std::string op = match.value("op", "==");
    const json& left = match.at("left");
    const json& right = match.at("right");
    if (op == "!" && is_flags(left)) return of_flags(flags_of(right), 0);
    if (const NumberPlace* place = number_place(left)) return numbers(*place, right, op);
    if (op != "==" && op != "!=" && op != "in") throw Untold("the comparison " + op);
    const bool equal = op != "!=";
    if (left.contains("&")) return masked_flags(left.at("&"), right, equal);
    if (left.contains("payload")) return payload(left.at("payload"), right, op);
    if (left.contains("meta")) return meta(text(left.at("meta"), "key"), right, equal);
    if (left.contains("ct") && text(left.at("ct"), "key") == "state") return states(right, equal);
    throw Untold(std::string(left.is_object() && !left.empty() ? left.begin().key() : "match") + ": " + kNoField);
  }

  Condition numbers(const NumberPlace& place, const json& right, const std::string& op) {
    Condition condition;
    if (place.family != 0) condition.family = place.family;
    if (place.of_protocol != 0) condition.match.protocols = {place.of_protocol};
    const auto value_of = [&place](const json& value) {
      return read_number(place.number, word(value), place.of_protocol);
    };
    NumberRanges found;
    if (is_order(op)) {
      found = ordered(place.number, op, value_of(right));
    } else if (op == "==" || op == "!=" || op == "in") {
      for (const json& value : elements(right)) {
        const bool range = value.is_object() && value.contains("range");
        found.push_back(range ? PortRange{value_of(value.at("range").at(0)), value_of(value.at("range").at(1))}
                              : PortRange{value_of(value), value_of(value)});
      }
    } else {
      throw Untold("the comparison " + op);
    }
    condition.match.number(place.number) = chosen_numbers(place.number, found, op == "!=");
    return condition;
  }

  static NumberRanges ordered(NumberField field, const std::string& op, std::uint16_t value) {
    const bool below = op.front() == '<';
    const int bound = value + (op.size() == 2 ? 0 : below ? -1 : 1);
    const int first = below ? 0 : bound;
    const int last = below ? bound : highest(field);
    if (first > last) throw Untold("a value that no packet has");
    return {{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)}};
  }

  static Condition states(const json& right, bool equal) {
    std::uint8_t found = 0;
    for (const json& value : values_of(right)) {
      const auto state = read_state(word(value));
      found = static_cast<std::uint8_t>(found | state);
    }
    Condition condition;
    condition.states = equal ? found : static_cast<std::uint8_t>(kAllStates & ~found);
    return condition;
  }

  static std::uint8_t flags_of(const json& value) {
    std::uint8_t flags = 0;
    for (const json& one : value.is_object() && value.contains("|") ? values_of(value.at("|")) : values_of(value)) {
      flags = static_cast<std::uint8_t>(flags | (one.is_number() ? one.get<std::uint8_t>() : read_flag(word(one))));
    }
    return flags;
  }

  static Condition of_flags(std::uint8_t mask, std::uint8_t value) {
    Condition condition;
    condition.match.protocols = {6};
    condition.match.tcp_flags = TcpFlagsMatch{mask, value};
    if ((value & ~mask) != 0) throw Untold("tcp flags that are never equal");
    return condition;
  }

  static bool is_flags(const json& left) {
    return left.is_object() && left.contains("payload") && text(left.at("payload"), "protocol") == "tcp" &&
           text(left.at("payload"), "field") == "flags";
  }

  static Condition masked_flags(const json& operands, const json& right, bool equal) {
    if (!is_flags(operands.at(0))) throw Untold(std::string("a masked field: ") + kNoField);
    std::uint8_t mask = 0;
    for (std::size_t i = 1; i < operands.size(); ++i) mask = static_cast<std::uint8_t>(mask | flags_of(operands.at(i)));
    const std::uint8_t value = flags_of(right);
    if (equal) return of_flags(mask, value);
    if (value == 0 && (mask & (mask - 1U)) == 0) return of_flags(mask, mask);
    throw Untold("tcp flags that are not these: a rule says which are set and which are not");
  }

  // Reads an address field: the set that it names, or the values in the match.
  AddressMatch addresses(const json& right, std::uint8_t family, bool equal) {
    AddressMatch match;
    if (right.is_string() && right.get_ref<const std::string&>().starts_with('@')) {
      const NamedSet& set = named(right);
      if (set.name.empty() || set.family != family) throw Untold(word(right) + ": not a set of such addresses");
      use(right);
      (equal ? match.sets : match.except_sets).push_back(set.name);
      return match;
    }
    for (const json& value : values_of(right)) {
      const AddressRange range = address_of(value);
      if (range.first.version != family) throw Untold("an address of the other family");
      (equal ? match.ranges : match.except_ranges).push_back(range);
    }
    return match;
  }

  const NamedSet& named(const json& right) {
    const auto set = sets_.find(table_ + " " + right.get<std::string>().substr(1));
    if (set == sets_.end()) throw Untold(word(right) + ": no such set stands in the file");
    return set->second;
  }

  // Only sets that rules name go into the ruleset.
  void use(const json& right) {
    auto set = pending_.extract(table_ + " " + right.get<std::string>().substr(1));
    if (set) rules_.sets.push_back(std::move(set.mapped()));
  }

  // Reads a field without addresses: a named set is what it has now.
  std::vector<json> elements(const json& right) {
    if (right.is_string() && right.get_ref<const std::string&>().starts_with('@')) {
      const NamedSet& set = named(right);
      if (set.elements.empty()) throw Untold(word(right) + ": the set is empty, and rules change with it");
      return set.elements;
    }
    return values_of(right);
  }

  Condition payload(const json& left, const json& right, const std::string& op) {
    const bool equal = op != "!=";
    const std::string protocol = text(left, "protocol");
    const std::string field = text(left, "field");
    Condition condition;
    RuleMatch& match = condition.match;
    if ((protocol == "ip" || protocol == "ip6") && (field == "saddr" || field == "daddr")) {
      condition.family = protocol == "ip" ? 4 : 6;
      (field == "saddr" ? match.source : match.destination) = addresses(right, *condition.family, equal);
      return condition;
    }
    if ((protocol == "ip" && field == "protocol") || (protocol == "ip6" && field == "nexthdr")) {
      condition.family = protocol == "ip" ? 4 : 6;
      match.protocols = protocols(right, equal);
      return condition;
    }
    if ((protocol == "tcp" || protocol == "udp" || protocol == "th") && (field == "sport" || field == "dport")) {
      if (protocol == "th") condition.untyped_ports = true;
      if (protocol != "th") match.protocols = {static_cast<std::uint8_t>(protocol == "tcp" ? 6 : 17)};
      std::vector<PortRange> ports;
      for (const json& value : elements(right)) ports.push_back(ports_of(value));
      ports = equal ? normalised(std::move(ports)) : other_ports(ports);
      if (ports.empty()) throw Untold("no port is left");
      (field == "sport" ? match.source_ports : match.destination_ports) = ports;
      return condition;
    }
    if (protocol == "tcp" && field == "flags") {
      const std::vector<json> values = values_of(right);
      const std::uint8_t flags = flags_of(right);
      if (op == "==" && values.size() == 1) return of_flags(0xff, flags);
      if (op == "in" && (flags & (flags - 1U)) == 0) return of_flags(flags, flags);
      throw Untold("tcp flags of which one is set: a rule says which are set and which are not");
    }
    throw Untold(protocol + " " + field + ": " + kNoField);
  }

  std::vector<std::uint8_t> protocols(const json& right, bool equal) {
    if (!equal) throw Untold("all protocols but some: a rule lists those that it matches");
    std::vector<std::uint8_t> found;
    for (const json& value : elements(right)) found.push_back(read_protocol(word(value)));
    return normalised_protocols(std::move(found));
  }

  Condition meta(const std::string& key, const json& right, bool equal) {
    Condition condition;
    if (key == "l4proto") {
      condition.match.protocols = protocols(right, equal);
    } else if (key == "nfproto" || key == "protocol") {
      const std::string family = word(right);
      if (family != "ipv4" && family != "ip" && family != "ipv6" && family != "ip6") {
        throw Untold("meta " + key + ": allowed are IPv4 and IPv6");
      }
      condition.family = (family == "ipv4" || family == "ip") == equal ? 4 : 6;
    } else if (key == "iifname" || key == "iif" || key == "oifname" || key == "oif") {
      InterfaceMatch& match = key.starts_with('i') ? condition.match.in : condition.match.out;
      for (const json& value : elements(right)) {
        (equal ? match.names : match.except).push_back(read_interface(word(value), '*'));
      }
    } else {
      throw Untold("meta " + key + ": " + kNoField);
    }
    return condition;
  }

  ForeignRules& rules_;
  LeftOut& left_out_;
  std::map<std::string, NamedSet> sets_;
  std::map<std::string, RulesetSet> pending_;
  std::map<std::string, std::string> foreign_hooks_;
  std::set<std::string> names_;
  std::set<std::string> limiting_sets_;
  std::string table_;
  std::string rule_chain_;
};

}  // namespace

void read_nft(const json& listed, ForeignRules& rules, LeftOut& left_out) {
  if (!listed.is_object() || !listed.contains("nftables") || !listed.at("nftables").is_array()) {
    throw Error("allowed is the output of 'nft -j list ruleset'");
  }
  NftReader(rules, left_out).read(listed.at("nftables"));
}

}  // namespace nicsentry::foreign
