// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/set_call.h"

#include <cstdio>
#include <map>

#include "host/api/client/controller.h"
#include "host/cli/commands.h"
#include "host/cli/enforced_text.h"
#include "host/cli/lifetime_option.h"
#include "host/cli/log.h"
#include "host/rules/language/address_text.h"

namespace nicsentry {
namespace {

constexpr std::size_t kMissingReported = 20;

std::vector<AddressRange> ranges_of(const std::vector<std::string>& entries) {
  std::vector<AddressRange> ranges;
  ranges.reserve(entries.size());
  for (const std::string& entry : entries) {
    ranges.push_back(parse_address_range(entry));
  }
  return ranges;
}

}  // namespace

int add_to_set(const std::string& interface, const std::string& name, const std::vector<std::string>& entries,
               const std::string& lifetime, const ChangeOptions& change) {
  const SetAddition added = Controller::of_port(interface).add_to_set(
      name, {ranges_of(entries), chosen_lifetime(lifetime)}, change_query(change));
  std::printf("%s: %zu of %zu added (in force after %.3f ms)\n", name.c_str(), added.changed, entries.size(),
              added.took_ms);
  report_unconfirmed(change);
  return report_enforced(added.enforced);
}

int take_from_set(const std::string& interface, const std::string& name, const std::vector<std::string>& entries,
                  const ChangeOptions& change) {
  const SetRemoval removed =
      Controller::of_port(interface).remove_from_set(name, {ranges_of(entries)}, change_query(change));
  std::printf("%s: %zu of %zu removed\n", name.c_str(), removed.changed, entries.size());
  report_unconfirmed(change);
  const int status = report_enforced(removed.enforced);
  const bool done = removed.changed != 0;
  const auto report = [done](const std::string& text) { done ? log_warning(text) : log_error(text); };
  std::map<AddressRange, AddressRange> staying(removed.staying.begin(), removed.staying.end());
  std::size_t missing = 0;
  for (const AddressRange& range : removed.missing) {
    if (const auto stays = staying.extract(range)) {
      report(range.text() + " is not an entry; it is still covered by " + stays.mapped().text());
    } else if (missing++ < kMissingReported) {
      report(range.text() + " is not in the set");
    }
  }
  if (missing > kMissingReported) {
    report("and " + std::to_string(missing - kMissingReported) + " more are not in the set");
  }
  for (const auto& [range, by] : staying) {
    report(range.text() + " was removed, but is still covered by " + by.text());
  }
  return done ? status : kExitFailure;
}

}  // namespace nicsentry
