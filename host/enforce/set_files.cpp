// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/set_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/enforce/state_file.h"
#include "host/enforce/state_json.h"
#include "host/rules/language/address_text.h"

namespace nicsentry {
namespace {

constexpr const char* kNetset = ".netset";
constexpr const char* kJournal = ".journal";
constexpr const char* kNames = "names.json";  // of all sets
// A journal of up to this many lines, or half the set's entries, is not worth writing the set again.
constexpr std::size_t kJournalLines = 10'000;

// The first line of a netset that was saved: "# nicsentry set, journal 3, entries 12, lines 0000000007". Others put
// lists there, too. What was saved by an earlier build has no entries, or no lines.
struct Header {
  std::uint64_t journal = 0;
  std::optional<std::uint64_t> entries;
  std::optional<std::uint64_t> lines;  // that the journal has at least; this number is written in place
};
constexpr std::string_view kHeader = "# nicsentry set, journal ";
constexpr std::string_view kEntries = ", entries ";
constexpr std::string_view kLines = ", lines ";

std::string lines_text(std::size_t lines) { return fmt::format("{:010}", lines); }

std::string header_before_lines(std::uint64_t journal, std::size_t entries) {
  return fmt::format("{}{}{}{}{}", kHeader, journal, kEntries, entries, kLines);
}

// Takes `name` and a number off the front of `text`.
std::optional<std::uint64_t> take_number(std::string_view& text, std::string_view name) {
  if (!text.starts_with(name)) {
    return std::nullopt;
  }
  const auto begin = name.size();
  const auto end = std::min(text.find(',', begin), text.size());
  const auto number = parse_number<std::uint64_t>(text.substr(begin, end - begin));
  if (number) {
    text.remove_prefix(end);
  }
  return number;
}

Header parse_header(std::string_view line) {
  std::string_view rest = line;
  const auto journal = take_number(rest, kHeader);
  const Header header{journal.value_or(0), take_number(rest, kEntries), take_number(rest, kLines)};
  if (!journal || !rest.empty()) {
    throw Error("read \"" + std::string(line) +
                "\", allowed are the numbers of the journal, its lines and the entries");
  }
  return header;
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
    if (path.extension() == kJournal && !stands_at(netset_path(path.stem().stem().string()))) {
      orphans.push_back(path);
    }
  }
  std::sort(orphans.begin(), orphans.end());
  return orphans;
}

std::vector<std::string> SetFiles::missing() {
  load_json(directory_ / kNames, [this](const nlohmann::json& saved) {
    check_fields(saved, {"version", "sets"}, "");
    saved.at("sets").get_to(listed_);
  });
  const std::vector<std::string> there = names();
  std::vector<std::string> missing;
  std::copy_if(listed_.begin(), listed_.end(), std::back_inserter(missing), [&there](const std::string& name) {
    return std::find(there.begin(), there.end(), name) == there.end();
  });
  return missing;
}

std::vector<SetFiles::Set> SetFiles::load(TimestampNs now_ns) {
  std::vector<Set> sets;
  for (const std::string& name : names()) {
    sets.push_back(load_one(name, now_ns));
  }
  if (std::any_of(sets.begin(), sets.end(), [this](const Set& set) { return !listed_.contains(set.name); })) {
    try {
      list(names());
    } catch (const SystemError&) {  // NOLINT(bugprone-empty-catch): a full disk; a later start lists them
    }
  }
  return sets;
}

// A set is listed after its file appears and before its file goes: a listed set without a file was lost.
void SetFiles::list(const std::vector<std::string>& names) {
  save_json(directory_ / kNames, {{"version", kStateFormat}, {"sets", names}});
  listed_ = {names.begin(), names.end()};
}

SetFiles::Set SetFiles::load_one(const std::string& name, TimestampNs now_ns) {
  check_set_name(name);
  Saved& saved = saved_[name];
  std::vector<SetEntry> entries = load_netset(name, saved);
  const bool whole = apply_journal(name, saved, entries);
  const bool lost = saved.lines < saved.lines_noted;
  if (lost) {
    note_lost(name, saved);
  }
  std::erase_if(entries, [&](const SetEntry& entry) { return entry.expires_ns && *entry.expires_ns <= now_ns; });
  if (!whole) {
    if (!lost) {
      half_written_.insert(name);
    }
    save(name, entries);  // nothing may be written behind a part of a change
  }
  return {name, std::move(entries)};
}

void SetFiles::note_lost(const std::string& name, const Saved& saved) {
  const auto path = journal_path(name, saved.journal);
  const std::string there =
      stands_at(path) ? fmt::format("has {} of {} lines", saved.lines, saved.lines_noted) : "is missing";
  lost_.push_back(path.string() + " " + there + ": later changes of the set '" + name +
                  "' are lost; entries that were added are missing, removed ones are back: nicsentry sets list " +
                  name);
}

std::vector<SetEntry> SetFiles::load_netset(const std::string& name, Saved& saved) const {
  std::vector<SetEntry> entries;
  std::optional<Header> header;
  std::size_t lines = 0;
  bool ends = true;
  for_each_line(netset_path(name), [&](const FileLine& line) {
    const bool comment = line.text.find_first_not_of('\0') == std::string_view::npos || line.text.front() == '#';
    if (!line.whole && (header || comment)) {
      ends = false;  // of a file that was saved; a list that somebody put there may end so
      return;
    }
    lines = line.number;
    if (line.number == 1 && line.text.starts_with(kHeader)) {
      header = parse_header(line.text);
    } else if (!comment) {
      entries.push_back(parse_entry_line(line.text));
    }
  });
  if (const char* damage = damage_of(header, lines, ends, entries.size())) {
    throw Error(netset_path(name).string() + ": damaged: " + damage +
                "; put a copy in its place, or remove the file or its first line");
  }
  const Header known = header.value_or(Header());
  saved = {known.journal, entries.size(), 0, known.lines.value_or(0)};
  return entries;
}

// False where the journal ends within a change.
bool SetFiles::apply_journal(const std::string& name, Saved& saved, std::vector<SetEntry>& entries) const {
  const auto path = journal_path(name, saved.journal);
  if (!stands_at(path)) {
    return true;
  }
  std::map<AddressRange, ChangedEntry> changed;  // the last change of a range holds
  JournalChange change;
  bool ends = true;
  for_each_line(path, [&](const FileLine& line) {
    if (!line.whole) {
      ends = false;
      return;
    }
    ++saved.lines;
    for (const ChangedEntry& one : change.add(line.text)) {
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
  if (!stands_at(netset_path(name))) {
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
  Saved next{saved_[name].journal + 1, entries.size(), 0, 0};
  remove_file(journal_path(name, next.journal));
  PendingFile file(netset_path(name), PendingFile::Kind::create, kModePrivate);
  file.write(header_before_lines(next.journal, next.entries) + lines_text(0) + "\n");
  for (const SetEntry& entry : entries) {
    file.write(entry_line(entry) + "\n");
  }
  file.sync();
  file.finish();
  file.publish();
  const Saved former = std::exchange(saved_[name], next);
  if (!listed_.contains(name)) {
    list(names());
  }
  unsaved_.erase(name);
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
  PendingFile file(path, stands_at(path) ? PendingFile::Kind::extend : PendingFile::Kind::create, kModePrivate);
  file.write(journal_text(change));
  file.sync();
  file.finish();
  file.publish();
  unsaved_.erase(name);
  known->second.lines += change.size() + (change.size() > 1 ? 1 : 0);
  note_lines(name, known->second);
}

// How many lines the journal has, beside it: one that is cut short or gone is noticed. The journal is on the disk
// before the number, which needs no room and is no part of the change: where it cannot be written it stays too low.
void SetFiles::note_lines(const std::string& name, const Saved& saved) const {
  const std::string before = header_before_lines(saved.journal, saved.entries);
  const std::string lines = lines_text(saved.lines);
  const UniqueFd file(open(netset_path(name).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  std::string found(before.size(), '\0');
  if (file && pread(file.get(), found.data(), found.size(), 0) == static_cast<ssize_t>(found.size()) &&
      found == before) {  // nobody put a list of his own there
    [[maybe_unused]] const ssize_t written =
        pwrite(file.get(), lines.data(), lines.size(), static_cast<off_t>(before.size()));
  }
}

void SetFiles::remove(const std::string& name) {
  unsaved_.insert(name);
  std::vector<std::string> others = names();
  std::erase(others, name);
  list(others);
  remove_file(netset_path(name));
  if (const auto known = saved_.find(name); known != saved_.end()) {
    remove_file(journal_path(name, known->second.journal));
    saved_.erase(known);
  }
  sync_directory(directory_);  // a removed set must not be there again after a loss of power
  unsaved_.erase(name);
}

}  // namespace nicsentry
