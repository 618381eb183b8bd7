// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/set_files.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/rules/language/address_text.h"

namespace nicsentry {
namespace {

constexpr const char* kNetset = ".netset";
constexpr const char* kJournal = ".journal";
// A journal of up to this many lines, or half the set's entries, is not worth writing the set again.
constexpr std::size_t kJournalLines = 10'000;

// The first line of a netset that was saved: "# nicsentry set, journal 3, entries 12". Others put lists there, too.
struct Header {
  std::uint64_t journal = 0;
  std::optional<std::uint64_t> entries;  // what was saved by an earlier build has no number
};
constexpr std::string_view kHeader = "# nicsentry set, journal ";
constexpr std::string_view kEntries = ", entries ";

std::string header_line(const Header& header) {
  return std::string(kHeader) + std::to_string(header.journal) + std::string(kEntries) +
         std::to_string(*header.entries);
}

Header parse_header(std::string_view line) {
  const std::string_view numbers = line.substr(kHeader.size());
  const auto comma = numbers.find(kEntries);
  const auto journal = parse_number<std::uint64_t>(numbers.substr(0, comma));
  const bool counted = comma != std::string_view::npos;
  const auto entries =
      counted ? parse_number<std::uint64_t>(numbers.substr(comma + kEntries.size())) : std::optional<std::uint64_t>();
  if (!journal || (counted && !entries)) {
    throw Error("read \"" + std::string(line) + "\", allowed are the numbers of the journal and of the entries");
  }
  return {*journal, entries};
}

// A netset appears as a whole, so that a part of one is damage.
const char* damage_of(const std::optional<Header>& header, std::size_t lines, bool ends, std::size_t entries) {
  if (lines == 0) {
    return "it is empty";
  }
  if (header && !ends) {
    return "its last line has no end";
  }
  return header && header->entries && *header->entries != entries ? "entries are missing, or more than were saved"
                                                                  : nullptr;
}

}  // namespace

std::filesystem::path SetFiles::netset_path(const std::string& name) const { return directory_ / (name + kNetset); }

std::filesystem::path SetFiles::journal_path(const std::string& name, std::uint64_t journal) const {
  return directory_ / (name + "." + std::to_string(journal) + kJournal);
}

std::vector<std::string> SetFiles::names() const {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(directory_)) {
    if (file.path().extension() == kNetset) {
      names.push_back(file.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::filesystem::path> SetFiles::orphans() const {
  std::vector<std::filesystem::path> orphans;
  for (const auto& file : std::filesystem::directory_iterator(directory_)) {
    const std::filesystem::path& path = file.path();
    if (path.extension() == kJournal && !std::filesystem::exists(netset_path(path.stem().stem().string()))) {
      orphans.push_back(path);
    }
  }
  std::sort(orphans.begin(), orphans.end());
  return orphans;
}

std::vector<SetFiles::Set> SetFiles::load(TimestampNs now_ns) {
  std::vector<Set> sets;
  for (const std::string& name : names()) {
    sets.push_back(load_one(name, now_ns));
  }
  return sets;
}

SetFiles::Set SetFiles::load_one(const std::string& name, TimestampNs now_ns) {
  check_set_name(name);
  Saved& saved = saved_[name];
  std::vector<SetEntry> entries = load_netset(name, saved);
  const bool whole = apply_journal(name, saved, entries);
  std::erase_if(entries, [&](const SetEntry& entry) { return entry.expires_ns && *entry.expires_ns <= now_ns; });
  if (!whole) {
    half_written_.insert(name);
    save(name, entries);  // nothing may be written behind a part of a change
  }
  return {name, std::move(entries)};
}

std::vector<SetEntry> SetFiles::load_netset(const std::string& name, Saved& saved) const {
  std::vector<SetEntry> entries;
  std::optional<Header> header;
  std::size_t lines = 0;
  const bool ends = for_each_line(netset_path(name), [&](std::size_t number, std::string_view line) {
    lines = number;
    if (number == 1 && line.starts_with(kHeader)) {
      header = parse_header(line);
    } else if (!line.empty() && line.front() != '#') {
      entries.push_back(parse_entry_line(line));
    }
  });
  if (const char* damage = damage_of(header, lines, ends, entries.size())) {
    throw Error(netset_path(name).string() + ": damaged: " + damage +
                "; put a copy in its place, or remove the file or its first line");
  }
  saved.journal = header.value_or(Header()).journal;
  saved.entries = entries.size();
  return entries;
}

// False where the journal ends within a change.
bool SetFiles::apply_journal(const std::string& name, Saved& saved, std::vector<SetEntry>& entries) const {
  const auto path = journal_path(name, saved.journal);
  if (!std::filesystem::exists(path)) {
    return true;
  }
  std::map<AddressRange, ChangedEntry> changed;  // the last change of a range holds
  JournalChange change;
  const bool ends = for_each_line(path, [&](std::size_t, std::string_view line) {
    ++saved.lines;
    for (const ChangedEntry& one : change.add(line)) {
      changed.insert_or_assign(one.entry.range, one);
    }
  });
  std::erase_if(entries, [&](const SetEntry& entry) { return changed.contains(entry.range); });
  for (const auto& [range, one] : changed) {
    if (one.added) {
      entries.push_back(one.entry);
    }
  }
  return ends && change.complete();
}

std::optional<std::size_t> SetFiles::put_back(const std::string& name, const std::vector<std::string>& lines,
                                              TimestampNs now_ns) {
  check_set_name(name);
  if (!std::filesystem::exists(netset_path(name))) {
    return std::nullopt;  // the change did not get as far as the file
  }
  std::map<AddressRange, SetEntry> entries;
  for (const SetEntry& entry : load_one(name, now_ns).entries) {
    entries.emplace(entry.range, entry);
  }
  for (const std::string& line : lines) {
    const auto [added, entry] = parse_changed_line(line);
    if (added) {
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
  save(name, content);
  return content.size();
}

// The old journal has no meaning from the moment that the new file appears.
void SetFiles::save(const std::string& name, const std::vector<SetEntry>& entries) {
  unsaved_.insert(name);
  Saved next{saved_[name].journal + 1, entries.size(), 0};
  remove_file(journal_path(name, next.journal));
  PendingFile file(netset_path(name), PendingFile::Kind::create, kModePrivate);
  file.write(header_line({next.journal, entries.size()}) + "\n");
  for (const SetEntry& entry : entries) {
    file.write(entry_line(entry) + "\n");
  }
  file.sync();
  file.finish();
  file.publish();
  unsaved_.erase(name);
  const Saved former = std::exchange(saved_[name], next);
  remove_file(journal_path(name, former.journal));
}

void SetFiles::save_added(const std::string& name, std::span<const SetEntry> added,
                          const std::function<std::vector<SetEntry>()>& entries) {
  std::vector<ChangedEntry> change;
  change.reserve(added.size());
  for (const SetEntry& entry : added) {
    change.push_back({true, entry});
  }
  extend_journal(name, change, entries);
}

void SetFiles::save_taken(const std::string& name, std::span<const AddressRange> taken,
                          const std::function<std::vector<SetEntry>()>& entries) {
  std::vector<ChangedEntry> change;
  change.reserve(taken.size());
  for (const AddressRange& range : taken) {
    change.push_back({false, {range, std::nullopt}});
  }
  extend_journal(name, change, entries);
}

void SetFiles::extend_journal(const std::string& name, const std::vector<ChangedEntry>& change,
                              const std::function<std::vector<SetEntry>()>& entries) {
  const auto known = saved_.find(name);
  if (known == saved_.end() || unsaved_.contains(name) ||
      known->second.lines + change.size() > std::max(kJournalLines, known->second.entries / 2)) {
    save(name, entries());
    return;
  }
  if (change.empty()) {
    return;
  }
  unsaved_.insert(name);
  const auto path = journal_path(name, known->second.journal);
  PendingFile file(path, std::filesystem::exists(path) ? PendingFile::Kind::extend : PendingFile::Kind::create,
                   kModePrivate);
  file.write(journal_text(change));
  file.sync();
  file.finish();
  file.publish();
  unsaved_.erase(name);
  known->second.lines += change.size();
}

void SetFiles::remove(const std::string& name) {
  unsaved_.insert(name);
  remove_file(netset_path(name));
  if (const auto known = saved_.find(name); known != saved_.end()) {
    remove_file(journal_path(name, known->second.journal));
    saved_.erase(known);
  }
  sync_directory(directory_);  // a removed set must not be there again after a loss of power
  unsaved_.erase(name);
}

}  // namespace nicsentry
