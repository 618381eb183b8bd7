// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/ruleset.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "host/base/closest_word.h"
#include "host/base/error.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/chain_settings.h"
#include "host/rules/language/known_sets.h"
#include "host/rules/language/lifetime.h"
#include "host/rules/language/rule_text.h"
#include "host/rules/language/ruleset_fields.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

using nlohmann::json;
using namespace ruleset_fields;
using Names = std::span<const char* const>;

constexpr const char* kOperation = "operation";
constexpr const char* kExpiresNsAllowed = "nanoseconds since 1970";

// The other fields of `rules show --json`.
constexpr std::array kShownOfRun = {"enforced", "unconfirmed"};
constexpr std::array kShownOfChain = {"text", "counters", "tables"};
constexpr std::array kShownOfRule = {"id", "packets", "bytes"};

bool is_one_of(Names names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [name](const char* known) { return name == known; });
}

std::string listed(std::initializer_list<Names> groups) {
  std::string text;
  for (const Names names : groups) {
    for (const char* name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  }
  return text;
}

// "ingress" and "rules" to "ingress.rules"; a chain that stands alone has no name.
std::string place(const std::string& where, const std::string& name) {
  return where.empty() ? name : where + "." + name;
}

std::string place(const std::string& where, std::size_t index) { return where + "[" + std::to_string(index) + "]"; }

// As it stands in a path, unless it is something strange.
std::string key_text(const std::string& key) {
  const bool plain = !key.empty() && key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           letter == '_' || letter == '-' || letter == '.';
  });
  return plain ? key : excerpt(std::string_view(key));
}

class RulesetReader {
 public:
  RulesetReader(Chain bare, TimestampNs now_ns) : bare_(bare), now_ns_(now_ns) {}

  Ruleset read(const json& file) {
    if (!file.is_object()) {
      throw BatchError({"ruleset: read " + excerpt(file) + ", allowed is an object with ingress, egress and sets"});
    }
    Ruleset ruleset;
    read_version(file);
    if (is_bare(file)) {
      ruleset.of(bare_) = read_chain(file, "", true);
    } else {
      read_chains(file, ruleset);
    }
    if (const auto sets = file.find(kSets); sets != file.end()) ruleset.sets = read_sets(*sets);
    if (!errors_.empty()) throw BatchError(std::move(errors_));
    return ruleset;
  }

  // An object of one chain.
  static bool is_bare(const json& file) {
    return file.contains(kRules) || std::any_of(kSettings.begin(), kSettings.end(),
                                                [&file](const char* setting) { return file.contains(setting); });
  }

 private:
  void refuse(const std::string& where, const std::string& error) { errors_.push_back(where + ": " + error); }

  void misread(const std::string& where, const json& value, const std::string& allowed) {
    refuse(where, "read " + excerpt(value) + ", allowed is " + allowed);
  }

  void refuse_unknown(const json& object, const std::string& where, std::initializer_list<Names> allowed,
                      std::initializer_list<Names> ignored) {
    const auto known = [](std::initializer_list<Names> groups, const std::string& name) {
      return std::any_of(groups.begin(), groups.end(), [&name](Names names) { return is_one_of(names, name); });
    };
    for (const auto& field : object.items()) {
      if (!known(allowed, field.key()) && !known(ignored, field.key())) {
        std::vector<const char*> names;
        for (const Names group : allowed) names.insert(names.end(), group.begin(), group.end());
        refuse(place(where, key_text(field.key())),
               "unknown field, allowed are " + listed(allowed) + did_you_mean(field.key(), names));
      }
    }
  }

  void read_version(const json& file) {
    const auto version = file.find(kVersion);
    if (version == file.end()) return;
    if (!version->is_number_integer() || *version < 1 || *version > kStateFormat) {
      misread(kVersion, *version, "1 to " + std::to_string(kStateFormat));
    }
  }

  void read_chains(const json& file, Ruleset& ruleset) {
    constexpr std::array kParts = {kVersion, "ingress", "egress", kSets};
    refuse_unknown(file, "", {kParts}, {kShownOfRun});
    for (const Chain chain : {Chain::ingress, Chain::egress}) {
      if (const auto found = file.find(chain_name(chain)); found != file.end()) {
        ruleset.of(chain) = read_chain(*found, chain_name(chain), false);
      }
    }
    if (!file.contains(chain_name(Chain::ingress)) && !file.contains(chain_name(Chain::egress)) &&
        !file.contains(kSets)) {
      errors_.emplace_back("ruleset: it names nothing, allowed are ingress, egress, sets, or the rules of one chain");
    }
  }

  RulesetChain read_chain(const json& chain, const std::string& where, bool bare) {
    RulesetChain read;
    if (!chain.is_object()) {
      misread(where, chain, "an object with rules and settings of the chain");
      return read;
    }
    constexpr std::array kList = {kRules};
    constexpr std::array kBeside = {kVersion, kSets};
    refuse_unknown(chain, where, {kSettings, kList}, {kShownOfChain, bare ? Names(kBeside) : Names()});
    read_settings(chain, where, read);
    const auto rules = chain.find(kRules);
    if (rules == chain.end()) {
      refuse(place(where, kRules), "missing, allowed is a list of rules ([]: none)");
    } else if (!rules->is_array()) {
      misread(place(where, kRules), *rules, "a list of rules");
    } else if (rules->size() > kRulesMax) {
      refuse(place(where, kRules),
             "read " + std::to_string(rules->size()) + " rules, allowed are at most " + std::to_string(kRulesMax));
    } else if (!refuse_batch(*rules, where)) {
      for (std::size_t i = 0; i < rules->size(); ++i) {
        read.rules.push_back(read_rule(rules->at(i), place(place(where, kRules), i)));
      }
    }
    return read;
  }

  // One error for all of them: somebody has taken the wrong command.
  bool refuse_batch(const json& rules, const std::string& where) {
    const auto with_operation = [](const json& rule) { return rule.is_object() && rule.contains(kOperation); };
    const auto found = std::find_if(rules.begin(), rules.end(), with_operation);
    if (found == rules.end()) return false;
    const std::string at =
        place(place(place(where, kRules), static_cast<std::size_t>(found - rules.begin())), std::string(kOperation));
    refuse(at, "entries with an operation are a batch, which 'nicsentry rules apply' takes; a ruleset has none");
    return true;
  }

  template <typename Parse>
  auto setting(const json& chain, const std::string& where, const char* name, Parse parse)
      -> std::optional<decltype(parse(chain))> {
    const auto found = chain.find(name);
    if (found == chain.end()) return std::nullopt;
    try {
      return parse(*found);
    } catch (const Error& error) {  // it begins with the setting's name
      errors_.push_back(place(where, error.what()));
      return std::nullopt;
    }
  }

  void read_settings(const json& chain, const std::string& where, RulesetChain& read) {
    read.default_action = setting(chain, where, "default", [](const json& value) {
      if (value != "drop" && value != "accept") {
        throw BadRequest("default: read " + excerpt(value) + ", allowed is drop or accept");
      }
      return value == "drop" ? RuleAction::drop : RuleAction::accept;
    });
    read.accept_established = setting(chain, where, "accept_established", [](const json& value) {
      if (!value.is_boolean()) {
        throw BadRequest("accept_established: read " + excerpt(value) + ", allowed is true or false");
      }
      return value.get<bool>();
    });
    read.drop_unjudged = setting(chain, where, "unjudged", parse_unjudged);
    read.non_ip = setting(chain, where, "non_ip", parse_non_ip);
  }

  std::optional<TimestampNs> read_end(json& object, const std::string& where) {
    const auto end = object.find(kExpiresNs);
    if (end == object.end()) return std::nullopt;
    const json value = *end;
    object.erase(end);
    constexpr std::uint64_t kLast = std::numeric_limits<TimestampNs>::max();
    const bool beyond = value.is_number_unsigned() && value.get<std::uint64_t>() > kLast;
    if (value.is_number_integer() && !beyond && value.get<TimestampNs>() > 0) return value.get<TimestampNs>();
    misread(place(where, kExpiresNs), value, kExpiresNsAllowed);
    return std::nullopt;
  }

  Rule read_rule(json fields, const std::string& where) {
    if (!fields.is_object()) {
      misread(where, fields, "an object with the fields of a rule");
      return {};
    }
    constexpr std::array kEnd = {kExpiresNs};
    refuse_unknown(fields, where, {rule_fields(), kEnd}, {kShownOfRule});
    json known = json::object();
    for (const auto& field : fields.items()) {
      if (is_one_of(rule_fields(), field.key())) known[field.key()] = field.value();
    }
    const auto end = read_end(fields, where);
    // It counts, and `expires`, the time that was left when the file was written, may have come down to 0.
    if (end && known.contains(kExpires) && known.at(kExpires) == "0s") known.erase(kExpires);
    RuleErrors errors;
    Rule rule = parse_rule(known, now_ns_, errors);
    for (const std::string& error : errors) errors_.push_back(place(where, error));
    if (end) rule.expires_ns = end;
    return rule;
  }

  std::vector<RulesetSet> read_sets(const json& sets) {
    std::vector<RulesetSet> read;
    if (!sets.is_object()) {
      misread(kSets, sets, "an object with a list of addresses for each set");
      return read;
    }
    for (const auto& set : sets.items()) {
      const std::string where = place(kSets, key_text(set.key()));
      try {
        check_set_name(set.key());
      } catch (const Error& error) {
        refuse(where, error.what());
      }
      read.push_back({set.key(), read_entries(set.value(), where)});
    }
    return read;
  }

  std::vector<RulesetEntry> read_entries(const json& list, const std::string& where) {
    std::vector<RulesetEntry> entries;
    if (!list.is_array()) {
      misread(where, list, "a list of addresses, prefixes and ranges");
      return entries;
    }
    entries.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (auto entry = read_entry(list[i], place(where, i))) entries.push_back(*entry);
    }
    return entries;
  }

  std::optional<RulesetEntry> read_entry(const json& value, const std::string& where) {
    if (value.is_string()) return read_range(value, where);
    if (!value.is_object()) {
      misread(where, value, "an address, or an object with range, expires and expires_ns");
      return std::nullopt;
    }
    refuse_unknown(value, where, {kEntryFields}, {});
    auto entry = read_range(value.value("range", json()), place(where, "range"));
    json fields = value;
    auto end = read_end(fields, where);
    if (const auto lifetime = fields.find(kExpires); lifetime != fields.end() && !end) {
      const auto read = lifetime->is_string()   ? parse_lifetime(lifetime->get_ref<const std::string&>())
                        : lifetime->is_number() ? lifetime_of_seconds(lifetime->get<double>())
                                                : std::nullopt;
      if (!read) {
        misread(place(where, kExpires), *lifetime, kLifetimeAllowed);
      } else {
        end = now_ns_ + read->count();
      }
    }
    if (entry) entry->expires_ns = end;
    return entry;
  }

  std::optional<RulesetEntry> read_range(const json& value, const std::string& where) {
    try {
      if (value.is_string()) return RulesetEntry{parse_address_range(value.get_ref<const std::string&>())};
      misread(where, value, "an address, a prefix or a range");
    } catch (const Error& error) {
      refuse(where, error.what());
    }
    return std::nullopt;
  }

  Chain bare_;
  TimestampNs now_ns_;
  std::vector<std::string> errors_;
};

// Calls `act` with each entry of each list of rules.
template <typename Act>
void for_each_entry(const json& file, Act act) {
  const auto visit = [&act](const json& chain) {
    if (!chain.is_object() || !chain.contains(kRules) || !chain.at(kRules).is_array()) return;
    for (const json& entry : chain.at(kRules)) act(entry);
  };
  visit(file);
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    if (file.is_object() && file.contains(chain_name(chain))) visit(file.at(chain_name(chain)));
  }
}

}  // namespace

Ruleset parse_ruleset(const json& file, Chain bare, TimestampNs now_ns) {
  return RulesetReader(bare, now_ns).read(file);
}

bool is_ruleset(const json& file) {
  if (!file.is_object()) return false;
  bool rules = false;
  bool operations = false;
  for_each_entry(file, [&](const json& entry) {
    rules = rules || entry.is_object();
    operations = operations || (entry.is_object() && entry.contains(kOperation));
  });
  constexpr std::array kOfRulesets = {"ingress", "egress", kSets, kVersion, "default", "accept_established"};
  return !operations && (rules || std::any_of(kOfRulesets.begin(), kOfRulesets.end(),
                                              [&file](const char* name) { return file.contains(name); }));
}

void check_set_names(const Ruleset& ruleset, std::vector<std::string> known) {
  std::set<std::string> named(known.begin(), known.end());
  for (const RulesetSet& set : ruleset.sets) {
    if (named.insert(set.name).second) known.push_back(set.name);
  }
  const KnownSets sets(std::move(known));
  std::vector<std::string> all;
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    if (!ruleset.of(chain)) continue;
    const auto& rules = ruleset.of(chain)->rules;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      RuleErrors errors;
      sets.check(rules[i], errors);
      for (const std::string& error : errors) {
        all.push_back(place(place(place(chain_name(chain), std::string(kRules)), i), error));
      }
    }
  }
  if (!all.empty()) throw BatchError(std::move(all));
}

json named_chain(const json& file, Chain chain) {
  if (!RulesetReader::is_bare(file)) {
    throw BadRequest(std::string("the file names its chains; allowed for the ") + chain_name(chain) +
                     " chain alone is an object with its rules");
  }
  json named = json::object();
  json bare = file;
  for (const char* beside : {kVersion, kSets}) {
    if (bare.contains(beside)) {
      named[beside] = bare.at(beside);
      bare.erase(beside);
    }
  }
  named[chain_name(chain)] = std::move(bare);
  return named;
}

}  // namespace nicsentry
