// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/set_call.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <utility>

#include "host/api/client/controller.h"
#include "host/cli/commands.h"
#include "host/cli/lifetime_option.h"
#include "host/cli/log.h"
#include "host/cli/number_of.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/lifetime.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {
namespace {

constexpr std::size_t kMissingReported = 20;

std::string end_text(const std::optional<double>& expires_s) {
  if (!expires_s) {
    return "never";
  }
  const std::chrono::duration<double> left(std::max(*expires_s, 0.0));
  return "in " + lifetime_text(std::chrono::duration_cast<std::chrono::nanoseconds>(left));
}

std::string and_more(std::size_t named, std::size_t all) {
  return named < all ? " and " + std::to_string(all - named) + " more" : "";
}

// Entries with the same end in one line.
std::string ends_text(const std::vector<ListedEntry>& entries, std::size_t all) {
  std::map<std::string, std::string> by_end;
  for (const ListedEntry& entry : entries) {
    std::string& ranges = by_end[end_text(entry.expires_s)];
    ranges += (ranges.empty() ? "" : ", ") + entry.range.text();
  }
  std::string text;
  for (const auto& [end, ranges] : by_end) {
    text += text.empty() ? "" : "; ";
    text += ranges;
    text += " ";
    text += end;
  }
  return text + and_more(entries.size(), all);
}

void report_what_was_there(const SetAddition& added) {
  if (added.renewed != 0) {
    std::printf("%s got another end; the end before was: %s\n", number_of(added.renewed, "entry", "entries").c_str(),
                ends_text(added.former, added.renewed).c_str());
  }
  if (added.outlasting != 0) {
    const bool one = added.outlasting == 1;
    log_warning(number_of(added.outlasting, "entry", "entries") + (one ? " keeps its" : " keep their") +
                " later end: " + ends_text(added.longer, added.outlasting) + "; to end " + (one ? "it" : "them") +
                " as asked: --shorten");
  }
  for (const auto& [range, by] : added.covered) {
    std::printf("%s was covered by %s before\n", range.text().c_str(), by.text().c_str());
  }
  for (const auto& [range, entries] : added.narrower) {
    std::printf("%s covers %s, which %s too\n", range.text().c_str(), number_of(entries, "entry", "entries").c_str(),
                entries == 1 ? "stays" : "stay");
  }
  for (const AddressRange& range : added.exempt) {
    log_warning(range.text() + " is in the set '" + kAllowedSet + "' too: it is not blocked");
  }
}

}  // namespace

void add_adding_options(CLI::App& command, AddingOptions& options) {
  add_lifetime_option(command, options.lifetime);
  command.add_flag("--shorten", options.shorten,
                   "end entries as asked that would end later (default: the later end holds)");
}

std::vector<AddressRange> ranges_of(const std::vector<std::string>& texts) {
  std::vector<AddressRange> ranges;
  ranges.reserve(texts.size());
  for (const std::string& text : texts) {
    ranges.push_back(parse_address_range(text));
  }
  return ranges;
}

std::vector<RequestedEntry> requested_entries(const std::vector<std::string>& texts) {
  std::vector<RequestedEntry> entries;
  entries.reserve(texts.size());
  for (const std::string& text : texts) {
    entries.push_back({parse_address_range(text)});
  }
  return entries;
}

int add_to_set(const std::string& interface, const std::string& name, std::vector<RequestedEntry> entries,
               const AddingOptions& adding, const ChangeOptions& change) {
  const std::size_t asked = entries.size();
  const SetAddition added = Controller::of_port(interface).add_to_set(
      name, {std::move(entries), chosen_lifetime(adding.lifetime), adding.shorten}, change_query(change));
  return report_change(change, encode(added), added.enforced, {Chain::ingress, Chain::egress}, [&] {
    const char* rest = added.changed == asked ? ""
                       : asked == 1           ? ", it was there already"
                                              : ", the rest was there already";
    std::printf("%s: %zu of %zu added%s (in force after %.3f ms)\n", name.c_str(), added.changed, asked, rest,
                added.took_ms);
    report_what_was_there(added);
  });
}

int report_replaced(const std::string& name, const SetReplacement& answer, const ChangeOptions& change) {
  return report_change(change, encode(answer), answer.enforced, {Chain::ingress, Chain::egress}, [&] {
    std::printf("%s: %s\n", name.c_str(), number_of(answer.entries, "entry", "entries").c_str());
  });
}

int empty_set(const std::string& interface, const std::string& name, const ChangeOptions& change) {
  return report_replaced(
      name, Controller::of_port(interface).replace_set(name, {{}, std::nullopt, true}, change_query(change)), change);
}

int take_from_set(const std::string& interface, const std::string& name, std::vector<AddressRange> entries,
                  const ChangeOptions& change) {
  const std::size_t asked = entries.size();
  const SetRemoval removed =
      Controller::of_port(interface).remove_from_set(name, {std::move(entries)}, change_query(change));
  const bool done = removed.changed != 0;
  int status = kExitFailure;
  if (done || change.json) {
    const int enforced = report_change(change, encode(removed), removed.enforced, {Chain::ingress, Chain::egress}, [&] {
      std::printf("%s: %zu of %zu removed\n", name.c_str(), removed.changed, asked);
    });
    status = done ? enforced : kExitFailure;
  }
  const auto report = [done](const std::string& text) { done ? log_warning(text) : log_error(text); };
  std::map<AddressRange, AddressRange> staying(removed.staying.begin(), removed.staying.end());
  std::size_t missing = 0;
  for (const AddressRange& range : removed.missing) {
    if (const auto stays = staying.extract(range)) {
      report(range.text() + " is not an entry; it is still covered by " + stays.mapped().text());
    } else if (missing++ < kMissingReported) {
      report(range.text() + " is not in the set '" + name + "'");
    }
  }
  if (missing > kMissingReported) {
    report("and " + std::to_string(missing - kMissingReported) + " more are not in the set '" + name + "'");
  }
  for (const auto& [range, by] : staying) {
    report(range.text() + " was removed, but is still covered by " + by.text());
  }
  return status;
}

}  // namespace nicsentry
