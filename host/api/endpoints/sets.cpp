// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/sets.h"

#include <chrono>
#include <string>
#include <vector>

#include "host/api/json/resources.h"
#include "host/api/json/sets_json.h"
#include "host/base/wall_clock.h"

namespace nicsentry {
namespace {

std::string set_asked(const Request& request) {
  std::string name = request.captures.at("name");
  require_set_name(name);
  return name;
}

std::vector<SetEntry> entries_of(const SetEntriesRequest& request) {
  std::optional<TimestampNs> expires_ns;
  if (request.lifetime) {
    expires_ns = wall_clock_ns() + request.lifetime->count();
  }
  std::vector<SetEntry> entries;
  entries.reserve(request.entries.size());
  for (const AddressRange& range : request.entries) {
    entries.push_back({range, expires_ns});
  }
  return entries;
}

SetsAnswer list(const Firewall& firewall) {
  SetsAnswer answer;
  for (const auto& set : firewall.sets()) {
    answer.sets.push_back({set.name, set.entries, set.used_by_rules});
  }
  return answer;
}

SetEntriesAnswer entries(const Firewall& firewall, const std::string& name) {
  constexpr double kNsPerSecond = 1e9;
  const std::vector<SetEntry> found = firewall.entries(name);
  const TimestampNs now = wall_clock_ns();
  SetEntriesAnswer answer;
  answer.entries.reserve(found.size());
  for (const SetEntry& entry : found) {
    std::optional<double> expires_s;
    if (entry.expires_ns) {
      expires_s = static_cast<double>(*entry.expires_ns - now) / kNsPerSecond;
    }
    answer.entries.push_back({entry.range, expires_s});
  }
  return answer;
}

SetAddition add(Firewall& firewall, const std::string& name, const SetEntriesRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  const std::size_t changed = firewall.add_to_set(name, entries_of(request));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  return {changed, took.count()};
}

SetRemoval remove(Firewall& firewall, const std::string& name, const SetRemovalRequest& request) {
  const auto removed = firewall.take_from_set(name, request.entries);
  return {removed.changed, removed.missing, removed.staying};
}

}  // namespace

void add_sets_routes(Router& router, const RunFirewall& run) {
  router.add("GET", resource::kSets, Lane::quick, [run](const Request&) { return encode(list(run.required())); });
  router.add("GET", resource::kSet, Lane::quick, [run](const Request& request) {
    const std::string name = set_asked(request);
    return encode(entries(run.required(), name));
  });
  router.add("PUT", resource::kSet, Lane::quick, [run](const Request& request) {
    const std::string name = set_asked(request);
    Firewall& firewall = run.required();
    const auto wanted = decode<SetEntriesRequest>(request.body);
    return encode(SetReplacement{firewall.replace_set(name, entries_of(wanted))});
  });
  router.add("DELETE", resource::kSet, Lane::quick, [run](const Request& request) {
    const std::string name = set_asked(request);
    Firewall& firewall = run.required();
    refuse_fields(request.body);
    firewall.remove_set(name);
    return encode(Nothing{});
  });
  router.add("POST", resource::kSetEntries, Lane::quick, [run](const Request& request) {
    const std::string name = set_asked(request);
    Firewall& firewall = run.required();
    return encode(add(firewall, name, decode<SetEntriesRequest>(request.body)));
  });
  router.add("POST", resource::kSetRemovals, Lane::quick, [run](const Request& request) {
    const std::string name = set_asked(request);
    Firewall& firewall = run.required();
    return encode(remove(firewall, name, decode<SetRemovalRequest>(request.body)));
  });
}

}  // namespace nicsentry
