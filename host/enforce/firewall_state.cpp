// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/firewall_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/enforce/state_json.h"
#include "host/rules/language/address_text.h"

namespace nicsentry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kNetset = ".netset";
constexpr std::string_view kHeader = "# nicsentry set, journal ";
constexpr std::string_view kEntries = ", entries ";
constexpr std::string_view kUntil = " # until ";
// A journal of up to this many lines, or half the set's entries, is not worth writing the set again.
constexpr std::size_t kJournalLines = 10'000;

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

// A change of a journal: "@LINES" and that many lines, or one line. A change whose last line is missing was being
// written when the process died, and never took effect.
class JournalChange {
 public:
  using Lines = std::vector<std::pair<std::string, std::optional<SetEntry>>>;  // no entry: it is removed

  // Returns the lines of the change that this line completes.
  Lines add(std::string_view line) {
    if (line.starts_with('@')) {
      return begin(line.substr(1));
    }
    if (line.size() < 2 || (line.front() != '+' && line.front() != '-')) {
      throw Error("read \"" + std::string(line.substr(0, kExcerpt)) +
                  "\", allowed is + or - and an address, prefix or range");
    }
    const SetEntry entry = parse_entry(line.substr(1));
    lines_.emplace_back(range_key(entry.range), line.front() == '+' ? std::optional(entry) : std::nullopt);
    missing_ -= missing_ > 0 ? 1 : 0;
    return missing_ == 0 ? std::exchange(lines_, {}) : Lines();
  }

  bool complete() const { return missing_ == 0; }

 private:
  Lines begin(std::string_view number) {
    const auto lines = parse_number<std::uint64_t>(number);
    if (!lines || missing_ != 0) {
      throw Error("read \"@" + std::string(number.substr(0, kExcerpt)) +
                  "\", allowed is @ and a number of lines, behind a whole change");
    }
    missing_ = *lines;
    return {};
  }

  Lines lines_;
  std::uint64_t missing_ = 0;
};

// Where a full disk keeps the file from being written, a later start writes it: rules come into force all the same.
void write_directory_format(const std::filesystem::path& path) {
  try {
    PendingFile file(path, PendingFile::Kind::create, kModePrivate);
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

}  // namespace

FirewallState::FirewallState(const std::filesystem::path& directory)
    : rules_path_(directory / "rules.json"),
      classes_path_(directory / "classes.json"),
      undo_path_(directory / "undo.json"),
      sets_path_(directory / "sets") {
  prepare_private_directory(directory);
  prepare_private_directory(sets_path_);
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

std::vector<std::string> FirewallState::saved_sets() const {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(sets_path_)) {
    if (file.path().extension() == kNetset) {
      names.push_back(file.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<FirewallState::Set> FirewallState::load_sets(TimestampNs now_ns) {
  std::vector<Set> sets;
  for (const std::string& name : saved_sets()) {
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
  std::optional<std::uint64_t> wanted;
  std::size_t lines = 0;
  bool ours = false;  // else somebody put a list there
  const bool ends = for_each_line(netset_path(name), [&](std::size_t number, std::string_view line) {
    lines = number;
    if (number == 1 && line.starts_with(kHeader)) {
      ours = true;
      const std::string_view numbers = line.substr(kHeader.size());
      const auto comma = numbers.find(kEntries);
      const auto journal = parse_number<std::uint64_t>(numbers.substr(0, comma));
      if (comma != std::string_view::npos) {
        wanted = parse_number<std::uint64_t>(numbers.substr(comma + kEntries.size()));
      }
      if (!journal || (comma != std::string_view::npos && !wanted)) {
        throw Error("read \"" + std::string(line) + "\", allowed are the numbers of the journal and of the entries");
      }
      saved.journal = *journal;
    } else if (!line.empty() && line.front() != '#') {
      entries.push_back(parse_entry(line));
    }
  });
  // The file appears as a whole, so that a part of it is damage.
  if ((ours && !ends) || lines == 0 || (wanted && *wanted != entries.size())) {
    throw Error(netset_path(name).string() + ": damaged: " +
                (lines == 0 ? "it is empty"
                 : ours && !ends
                     ? "its last line has no end"
                     : "it has " + std::to_string(entries.size()) + " entries of " + std::to_string(*wanted)));
  }
  saved.entries = entries.size();
  bool whole = true;
  if (const auto journal = journal_path(name, saved.journal); std::filesystem::exists(journal)) {
    JournalChange change;
    whole = for_each_line(journal, [&](std::size_t, std::string_view line) {
      ++saved.lines;
      for (auto& [range, entry] : change.add(line)) {
        changed.insert_or_assign(range, entry);
      }
    });
    whole = whole && change.complete();
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

void FirewallState::save_undo(const Undo& undo) const {
  ordered_json saved{{"version", kStateFormat}, {"due_ns", undo.due_ns}};
  if (undo.chain) {
    saved["chain"] = chain_name(undo.chain->chain);
    saved["before"] = chain_json(undo.chain->before);
  } else {
    ordered_json lines = ordered_json::array();
    for (const AddressRange& range : undo.set->remove) {
      lines.push_back("-" + range.text());
    }
    for (const SetEntry& entry : undo.set->put) {
      std::string line = "+" + entry_text(entry);
      line.pop_back();
      lines.push_back(std::move(line));
    }
    saved["set"] = undo.set->set;
    saved["lines"] = std::move(lines);
  }
  save_json(undo_path_, saved);
}

void FirewallState::forget_undo() const {
  remove_file(undo_path_);
  sync_directory(undo_path_.parent_path());  // a confirmed change must not be taken back after a loss of power
}

std::optional<std::string> FirewallState::take_back_unconfirmed(TimestampNs now_ns) {
  Undo undo;
  const bool found = load_json(undo_path_, [&](const json& saved) {
    if (saved.contains("chain")) {
      check_fields(saved, {"version", "due_ns", "chain", "before"}, "");
      if (saved.at("chain") != chain_name(Chain::ingress) && saved.at("chain") != chain_name(Chain::egress)) {
        throw Error("chain: read " + saved.at("chain").dump().substr(0, kExcerpt) + ", allowed is ingress or egress");
      }
      std::vector<std::string> known = saved_sets();
      known.emplace_back(kBlockedSet);
      known.emplace_back(kAllowedSet);
      parse_chain(saved.at("before"), saved.at("version").get<std::int64_t>(), "before", known, now_ns);
      put_back_chain(saved);
      undo.chain.emplace().chain = saved.at("chain") == chain_name(Chain::ingress) ? Chain::ingress : Chain::egress;
    } else {
      check_fields(saved, {"version", "due_ns", "set", "lines"}, "");
      put_back_set(saved.at("set").get<std::string>(), saved.at("lines").get<std::vector<std::string>>(), now_ns);
      undo.set.emplace().set = saved.at("set").get<std::string>();
    }
  });
  if (!found) {
    return std::nullopt;
  }
  forget_undo();
  return undo.what() + " was not confirmed before the last run ended; it is taken back";
}

// What it says is looked at when the rules are loaded.
void FirewallState::put_back_chain(const json& undo) const {
  ordered_json rules;
  load_json(rules_path_, [&rules](const json& saved) {
    check_fields(saved, {"version", "ingress", "egress"}, "");
    if (saved.at("version") == kStateFormat) {
      rules = {{"version", saved.at("version")}, {"ingress", saved.at("ingress")}, {"egress", saved.at("egress")}};
    }
  });
  if (!rules.empty()) {  // else the change did not get as far as the file
    rules[undo.at("chain").get<std::string>()] = undo.at("before");
    save_json(rules_path_, rules);
  }
}

void FirewallState::put_back_set(const std::string& name, const std::vector<std::string>& lines, TimestampNs now_ns) {
  check_set_name(name);
  if (!std::filesystem::exists(netset_path(name))) {
    return;  // likewise
  }
  std::map<AddressRange, SetEntry> entries;
  for (const SetEntry& entry : load_set(name, now_ns).entries) {
    entries.emplace(entry.range, entry);
  }
  for (const std::string& line : lines) {
    if (line.size() < 2 || (line.front() != '+' && line.front() != '-')) {
      throw Error("read \"" + line.substr(0, kExcerpt) + "\", allowed is + or - and an address, prefix or range");
    }
    const SetEntry entry = parse_entry(std::string_view(line).substr(1));
    if (line.front() == '+') {
      entries.insert_or_assign(entry.range, entry);
    } else {
      entries.erase(entry.range);
    }
  }
  std::vector<SetEntry> content;
  content.reserve(entries.size());
  for (const auto& [range, entry] : entries) {
    content.push_back(entry);
  }
  save_set(name, content);
}

// The old journal has no meaning from the moment that the new file appears.
void FirewallState::save_set(const std::string& name, const std::vector<SetEntry>& entries) {
  unsaved_.insert(name);
  Saved next{saved_[name].journal + 1, entries.size(), 0};
  remove_file(journal_path(name, next.journal));
  PendingFile file(netset_path(name), PendingFile::Kind::create, kModePrivate);
  file.write(std::string(kHeader) + std::to_string(next.journal) + std::string(kEntries) +
             std::to_string(entries.size()) + "\n");
  for (const SetEntry& entry : entries) {
    file.write(entry_text(entry));
  }
  file.sync();
  file.finish();
  file.publish();
  unsaved_.erase(name);
  const Saved former = std::exchange(saved_[name], next);
  remove_file(journal_path(name, former.journal));
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
  if (known == saved_.end() || unsaved_.contains(name) ||
      known->second.lines + lines > std::max(kJournalLines, known->second.entries / 2)) {
    save_set(name, entries());
    return;
  }
  unsaved_.insert(name);
  const auto path = journal_path(name, known->second.journal);
  PendingFile file(path, std::filesystem::exists(path) ? PendingFile::Kind::extend : PendingFile::Kind::create,
                   kModePrivate);
  if (lines > 1) {
    file.write("@" + std::to_string(lines) + "\n");
  }
  file.write(text);
  file.sync();
  file.finish();
  file.publish();
  unsaved_.erase(name);
  known->second.lines += lines;
}

void FirewallState::remove_set(const std::string& name) {
  unsaved_.insert(name);
  remove_file(netset_path(name));
  if (const auto known = saved_.find(name); known != saved_.end()) {
    remove_file(journal_path(name, known->second.journal));
    saved_.erase(known);
  }
  sync_directory(sets_path_);  // a removed set must not be there again after a loss of power
  unsaved_.erase(name);
}

}  // namespace nicsentry
