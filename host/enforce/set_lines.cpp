// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/set_lines.h"

#include <utility>

#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/enforce/state_file.h"
#include "host/enforce/state_json.h"
#include "host/rules/language/address_text.h"

namespace nicsentry {
namespace {

constexpr std::string_view kUntil = " # until ";

Error not_allowed(std::string_view line, const std::string& allowed) {
  return Error("read \"" + std::string(line.substr(0, kExcerpt)) + "\", allowed is " + allowed);
}

}  // namespace

std::string entry_line(const SetEntry& entry) {
  return entry.range.text() + (entry.expires_ns ? std::string(kUntil) + std::to_string(*entry.expires_ns) : "");
}

SetEntry parse_entry_line(std::string_view line) {
  SetEntry entry;
  const auto until = line.find(kUntil);
  if (until != std::string_view::npos) {
    entry.expires_ns = parse_number<TimestampNs>(line.substr(until + kUntil.size()));
    if (!entry.expires_ns) {
      throw not_allowed(line, "\"# until NANOSECONDS\" behind an address");
    }
  }
  entry.range = parse_address_range(line.substr(0, until));
  return entry;
}

std::string changed_line(const ChangedEntry& changed) {
  return changed.added ? "+" + entry_line(changed.entry) : "-" + changed.entry.range.text();
}

ChangedEntry parse_changed_line(std::string_view line) {
  if (line.size() < 2 || (line.front() != '+' && line.front() != '-')) {
    throw not_allowed(line, "+ or - and an address, prefix or range");
  }
  return {line.front() == '+', parse_entry_line(line.substr(1))};
}

std::vector<ChangedEntry> JournalChange::add(std::string_view line) {
  if (line.starts_with('@')) {
    const auto lines = parse_number<std::uint64_t>(line.substr(1));
    if (!lines || !complete()) {
      throw not_allowed(line, "@ and a number of lines, behind a whole change");
    }
    missing_ = *lines;
    return {};
  }
  entries_.push_back(parse_changed_line(line));
  missing_ -= complete() ? 0 : 1;
  return complete() ? std::exchange(entries_, {}) : std::vector<ChangedEntry>();
}

std::string journal_text(const std::vector<ChangedEntry>& change) {
  std::string text = change.size() > 1 ? "@" + std::to_string(change.size()) + "\n" : "";
  for (const ChangedEntry& changed : change) {
    text += changed_line(changed);
    text += '\n';
  }
  return text;
}

void for_each_line(const std::filesystem::path& path, const std::function<void(const FileLine&)>& act) {
  const std::string text = read_state_file(path);
  std::string_view rest = text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    const bool whole = end != std::string_view::npos;
    const FileLine line{number, rest.substr(0, end), whole};
    try {
      act(line);
    } catch (const Error& error) {
      throw Error(path.string() + ": line " + std::to_string(number) + ": " + error.what());
    }
    rest.remove_prefix(line.text.size() + (whole ? 1 : 0));
  }
}

}  // namespace nicsentry
