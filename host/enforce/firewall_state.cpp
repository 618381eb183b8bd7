// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/firewall_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/base/text_reading.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/chain_settings.h"
#include "host/rules/language/rule_text.h"

namespace nicsentry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kNetset = ".netset";
constexpr std::string_view kHeader = "# nicsentry set, journal ";
constexpr std::string_view kUntil = " # until ";
// A journal of up to this many lines, or half the set's entries, is not worth writing the set again.
constexpr std::size_t kJournalLines = 10'000;
constexpr std::size_t kExcerpt = 64;  // characters that an error quotes

std::string entry_text(const SetEntry& entry) {
  return entry.range.text() + (entry.expires_ns ? std::string(kUntil) + std::to_string(*entry.expires_ns) : "") + "\n";
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

Error bad_line(const std::filesystem::path& path, std::size_t line, const std::string& why) {
  return Error(path.string() + ": line " + std::to_string(line) + ": " + why);
}

SetEntry parse_entry(std::string_view text) {
  SetEntry entry;
  if (const auto until = text.find(kUntil); until != std::string_view::npos) {
    entry.expires_ns = parse_number<TimestampNs>(text.substr(until + kUntil.size()));
    if (!entry.expires_ns) {
      throw Error("read \"" + std::string(text) + "\", allowed behind an address is \"# until NANOSECONDS\"");
    }
    text = text.substr(0, until);
  }
  entry.range = parse_address_range(text);
  return entry;
}

// Calls `act` with each line and its number, from 1. A last line without an end was being written when the process
// died, and never took effect: false when there is one.
template <typename Act>
bool for_each_line(const std::filesystem::path& path, Act act) {
  std::ifstream file(path);
  if (!file) {
    throw SystemError(errno, "reading " + path.string());
  }
  std::string line;
  for (std::size_t number = 1; std::getline(file, line) && !file.eof(); ++number) {
    try {
      act(number, std::string_view(line));
    } catch (const Error& error) {
      throw bad_line(path, number, error.what());
    }
    line.clear();
  }
  return line.empty();
}

std::string range_key(const AddressRange& range) { return range.text(); }

ordered_json chain_json(const ChainRules& chain) {
  ordered_json rules = ordered_json::array();
  for (std::size_t i = 0; i < chain.rules.size(); ++i) {
    ordered_json rule = rule_json(chain.rules[i], i, 0);
    rule.erase("id");
    rule.erase("expires");
    if (chain.rules[i].expires_ns) {
      rule["expires_ns"] = *chain.rules[i].expires_ns;
    }
    rules.push_back(std::move(rule));
  }
  return {{"default", chain.default_action == RuleAction::drop ? "drop" : "accept"},
          {"accept_established", chain.accept_established},
          {"unjudged", unjudged_name(chain.drop_unjudged)},
          {"non_ip", non_ip_json(chain.non_ip)},
          {"rules", std::move(rules)}};
}

// The object has exactly these fields.
void check_fields(const json& object, std::initializer_list<const char*> names, const std::string& where) {
  if (!object.is_object()) {
    throw Error(where + "read " + object.dump().substr(0, kExcerpt) + ", allowed is an object");
  }
  for (const auto& field : object.items()) {
    if (std::none_of(names.begin(), names.end(), [&field](const char* name) { return field.key() == name; })) {
      throw Error(where + "\"" + field.key() + "\": unknown field");
    }
  }
  for (const char* name : names) {
    if (!object.contains(name)) {
      throw Error(where + "\"" + name + "\": missing");
    }
  }
}

void check_set_names(const AddressMatch& match, const std::vector<std::string>& known, RuleErrors& errors) {
  for (const auto* sets : {&match.sets, &match.except_sets}) {
    for (const std::string& name : *sets) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        errors.push_back("there is no set '" + name + "'");
      }
    }
  }
}

ChainRules parse_chain(const json& saved, std::int64_t format, const std::string& where,
                       const std::vector<std::string>& set_names, TimestampNs now_ns) {
  ChainRules chain;
  if (format == 1) {
    check_fields(saved, {"default", "accept_established", "rules"}, where + ": ");
  } else {
    check_fields(saved, {"default", "accept_established", "unjudged", "non_ip", "rules"}, where + ": ");
    chain.drop_unjudged = parse_unjudged(saved.at("unjudged"));
    chain.non_ip = parse_non_ip(saved.at("non_ip"));
  }
  const std::string action = saved.at("default").get<std::string>();
  if (action != "drop" && action != "accept") {
    throw Error(where + ": default: read \"" + action + "\", allowed is accept or drop");
  }
  chain.default_action = action == "drop" ? RuleAction::drop : RuleAction::accept;
  chain.accept_established = saved.at("accept_established").get<bool>();
  std::size_t number = 0;
  for (json fields : saved.at("rules")) {
    ++number;
    std::optional<TimestampNs> expires;
    if (fields.is_object() && fields.contains("expires_ns")) {
      expires = fields.at("expires_ns").get<TimestampNs>();
      fields.erase("expires_ns");
    }
    RuleErrors errors;
    Rule rule = parse_rule(fields, now_ns, errors);
    check_set_names(rule.match.source, set_names, errors);
    check_set_names(rule.match.destination, set_names, errors);
    if (!errors.empty()) {
      throw Error(where + ": rule " + std::to_string(number) + ": " + errors.front());
    }
    rule.expires_ns = expires;
    if (!expires || *expires > now_ns) {
      chain.rules.push_back(std::move(rule));
    }
  }
  return chain;
}

void check_not_newer(std::int64_t format) {
  if (format > kStateFormat) {
    throw Error("format " + std::to_string(format) + " is newer than " + std::to_string(kStateFormat) +
                ", the newest that this nicsentry reads: a newer nicsentry has written it");
  }
}

void check_format(const json& saved) {
  const auto version = saved.is_object() ? saved.value("version", json()) : json();
  if (!version.is_number_integer() || version < 1) {
    throw Error("version: read " + version.dump() + ", allowed is 1 to " + std::to_string(kStateFormat));
  }
  check_not_newer(version.get<std::int64_t>());
}

// Where a full disk keeps the file from being written, a later start writes it: rules come into force all the same.
void write_directory_format(const std::filesystem::path& path) {
  try {
    PendingFile file(path, PendingFile::Kind::create);
    file.write(std::to_string(kStateFormat) + "\n");
    file.sync();
    file.finish();
    file.publish();
  } catch (const SystemError&) {  // NOLINT(bugprone-empty-catch)
  }
}

void check_directory_format(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) {
    write_directory_format(path);
    return;
  }
  std::ifstream file(path);
  if (!file) {
    throw SystemError(errno, "reading " + path.string());
  }
  std::string text;
  std::getline(file, text);
  const auto format = parse_number<std::int64_t>(text);
  if (!format || *format < 1) {
    throw Error(path.string() + ": read \"" + text.substr(0, kExcerpt) + "\", allowed is 1 to " +
                std::to_string(kStateFormat));
  }
  try {
    check_not_newer(*format);
  } catch (const Error& error) {
    throw Error(path.string() + ": " + error.what());
  }
}

// False where there is no such file. What `act` throws becomes an Error that names the file.
template <typename Act>
bool load_json(const std::filesystem::path& path, Act act) {
  if (!std::filesystem::exists(path)) {
    return false;
  }
  std::ifstream file(path);
  if (!file) {
    throw SystemError(errno, "reading " + path.string());
  }
  try {
    const json saved = parse_json(read_text(file, path.string()));  // its errors name the line
    check_format(saved);
    act(saved);
    return true;
  } catch (const std::exception& error) {
    throw Error(path.string() + ": " + error.what());
  }
}

void save_json(const std::filesystem::path& path, const ordered_json& saved) {
  PendingFile file(path, PendingFile::Kind::create);
  file.write(saved.dump(1) + "\n");
  file.sync();
  file.finish();
  file.publish();
}

}  // namespace

FirewallState::FirewallState(const std::filesystem::path& directory)
    : rules_path_(directory / "rules.json"), classes_path_(directory / "classes.json"), sets_path_(directory / "sets") {
  prepare_directory(sets_path_);
  const auto lock = directory / "lock";
  lock_ = UniqueFd(open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!lock_) {
    throw SystemError(errno, "opening " + lock.string());
  }
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error("EBUSY: another controller has the state directory " + directory.string());
  }
  check_directory_format(directory / "format");
}

std::filesystem::path FirewallState::netset_path(const std::string& name) const {
  return sets_path_ / (name + kNetset);
}

std::filesystem::path FirewallState::journal_path(const std::string& name, std::uint64_t journal) const {
  return sets_path_ / (name + "." + std::to_string(journal) + ".journal");
}

std::vector<FirewallState::Set> FirewallState::load_sets(TimestampNs now_ns) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(sets_path_)) {
    if (file.path().extension() == kNetset) {
      names.push_back(file.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  std::vector<Set> sets;
  sets.reserve(names.size());
  for (const std::string& name : names) {
    sets.push_back(load_set(name, now_ns));
  }
  return sets;
}

FirewallState::Set FirewallState::load_set(const std::string& name, TimestampNs now_ns) {
  check_set_name(name);
  Saved& saved = saved_[name];
  // The last line about a range holds.
  std::map<std::string, std::optional<SetEntry>> changed;
  std::vector<SetEntry> entries;
  for_each_line(netset_path(name), [&](std::size_t number, std::string_view line) {
    if (number == 1 && line.starts_with(kHeader)) {
      const auto journal = parse_number<std::uint64_t>(line.substr(kHeader.size()));
      if (!journal) {
        throw Error("read \"" + std::string(line) + "\", allowed is the journal's number");
      }
      saved.journal = *journal;
    } else if (!line.empty() && line.front() != '#') {
      entries.push_back(parse_entry(line));
    }
  });
  saved.entries = entries.size();
  bool whole = true;
  if (const auto journal = journal_path(name, saved.journal); std::filesystem::exists(journal)) {
    whole = for_each_line(journal, [&](std::size_t, std::string_view line) {
      if (line.size() < 2 || (line.front() != '+' && line.front() != '-')) {
        throw Error("read \"" + std::string(line) + "\", allowed is + or - and an address, prefix or range");
      }
      const SetEntry entry = parse_entry(line.substr(1));
      changed[range_key(entry.range)] = line.front() == '+' ? std::optional(entry) : std::nullopt;
      ++saved.lines;
    });
  }
  if (!changed.empty()) {
    std::erase_if(entries, [&](const SetEntry& entry) { return changed.contains(range_key(entry.range)); });
    for (const auto& [key, entry] : changed) {
      if (entry) {
        entries.push_back(*entry);
      }
    }
  }
  std::erase_if(entries, [&](const SetEntry& entry) { return entry.expires_ns && *entry.expires_ns <= now_ns; });
  if (!whole) {
    save_set(name, entries);  // nothing may be written behind half a line
  }
  return {name, std::move(entries)};
}

FirewallState::Chains FirewallState::load_rules(const std::vector<std::string>& set_names, TimestampNs now_ns) const {
  Chains chains;
  chains.found = load_json(rules_path_, [&](const json& saved) {
    check_fields(saved, {"version", "ingress", "egress"}, "");
    const auto format = saved.at("version").get<std::int64_t>();
    chains.ingress = parse_chain(saved.at("ingress"), format, "ingress", set_names, now_ns);
    chains.egress = parse_chain(saved.at("egress"), format, "egress", set_names, now_ns);
  });
  return chains;
}

std::optional<FirewallState::Classes> FirewallState::load_classes() const {
  Classes classes;
  const bool found = load_json(classes_path_, [&classes](const json& saved) {
    check_fields(saved, {"version", "keys", "classes"}, "");
    saved.at("keys").get_to(classes.keys);
    saved.at("classes").get_to(classes.names);
  });
  return found ? std::optional(std::move(classes)) : std::nullopt;
}

void FirewallState::save_classes(const Classes& classes) const {
  save_json(classes_path_, {{"version", kStateFormat}, {"keys", classes.keys}, {"classes", classes.names}});
}

void FirewallState::forget_classes() const {
  std::error_code ignored;
  std::filesystem::remove(classes_path_, ignored);
}

void FirewallState::save_rules(const ChainRules& ingress, const ChainRules& egress) const {
  save_json(rules_path_, {{"version", kStateFormat}, {"ingress", chain_json(ingress)}, {"egress", chain_json(egress)}});
}

// The old journal has no meaning from the moment that the new file appears.
void FirewallState::save_set(const std::string& name, const std::vector<SetEntry>& entries) {
  Saved next{saved_[name].journal + 1, entries.size(), 0};
  std::error_code ignored;
  std::filesystem::remove(journal_path(name, next.journal), ignored);
  PendingFile file(netset_path(name), PendingFile::Kind::create);
  file.write(std::string(kHeader) + std::to_string(next.journal) + "\n");
  for (const SetEntry& entry : entries) {
    file.write(entry_text(entry));
  }
  file.sync();
  file.finish();
  file.publish();
  const Saved former = std::exchange(saved_[name], next);
  std::filesystem::remove(journal_path(name, former.journal), ignored);
}

void FirewallState::save_added(const std::string& name, std::span<const SetEntry> added,
                               const std::function<std::vector<SetEntry>()>& entries) {
  std::string text;
  for (const SetEntry& entry : added) {
    text += "+" + entry_text(entry);
  }
  extend_journal(name, text, added.size(), entries);
}

void FirewallState::save_taken(const std::string& name, std::span<const AddressRange> taken,
                               const std::function<std::vector<SetEntry>()>& entries) {
  std::string text;
  for (const AddressRange& range : taken) {
    text += "-" + range.text() + "\n";
  }
  extend_journal(name, text, taken.size(), entries);
}

void FirewallState::extend_journal(const std::string& name, const std::string& text, std::size_t lines,
                                   const std::function<std::vector<SetEntry>()>& entries) {
  const auto known = saved_.find(name);
  if (known == saved_.end() || known->second.lines + lines > std::max(kJournalLines, known->second.entries / 2)) {
    save_set(name, entries());
    return;
  }
  const auto path = journal_path(name, known->second.journal);
  PendingFile file(path, std::filesystem::exists(path) ? PendingFile::Kind::extend : PendingFile::Kind::create);
  file.write(text);
  file.sync();
  file.finish();
  file.publish();
  known->second.lines += lines;
}

void FirewallState::remove_set(const std::string& name) {
  std::error_code ignored;
  std::filesystem::remove(netset_path(name), ignored);
  if (const auto known = saved_.find(name); known != saved_.end()) {
    std::filesystem::remove(journal_path(name, known->second.journal), ignored);
    saved_.erase(known);
  }
}

}  // namespace nicsentry
