// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/sets.h"

#include <chrono>
#include <string>
#include <vector>

#include "host/api/endpoints/change_terms.h"
#include "host/api/endpoints/entity_tags.h"
#include "host/api/json/resources.h"
#include "host/api/json/sets_json.h"
#include "host/base/error.h"

namespace nicsentry {
namespace {

std::string set_asked(const Request& request) {
  std::string name = request.captures.at("name");
  require_set_name(name);
  return name;
}

template <typename Requested>
std::vector<SetEntry> entries_of(const Requested& request, TimestampNs now) {
  std::vector<SetEntry> entries;
  entries.reserve(request.entries.size());
  for (const RequestedEntry& entry : request.entries) {
    const auto lifetime = entry.lifetime ? entry.lifetime : request.lifetime;
    entries.push_back({entry.range, lifetime ? std::optional(now + lifetime->count()) : std::nullopt});
  }
  return entries;
}

// ?stats: with the hits of entries.
bool asks_stats(const Request& request) {
  const auto found = request.query.find("stats");
  if (found != request.query.end() && !found->second.empty()) {
    throw BadRequest("stats: it takes no value, not '" + found->second + "'");
  }
  return found != request.query.end();
}

Hits sum_of(const std::vector<Firewall::EntryHits>& entries) {
  Hits sum;
  for (const Firewall::EntryHits& entry : entries) {
    sum.packets += entry.hits ? entry.hits->packets : 0;
    sum.bytes += entry.hits ? entry.hits->bytes : 0;
  }
  return sum;
}

SetsAnswer list(const Firewall& firewall, bool stats) {
  SetsAnswer answer;
  for (const auto& set : firewall.sets()) {
    answer.sets.push_back({set.name, set.entries, set.used_by_rules,
                           stats ? std::optional(sum_of(firewall.hits(set.name))) : std::nullopt});
  }
  return answer;
}

std::vector<ListedEntry> listed(const std::vector<SetEntry>& entries, TimestampNs now) {
  constexpr double kNsPerSecond = 1e9;
  std::vector<ListedEntry> listed;
  listed.reserve(entries.size());
  for (const SetEntry& entry : entries) {
    std::optional<double> expires_s;
    if (entry.expires_ns) {
      expires_s = static_cast<double>(*entry.expires_ns - now) / kNsPerSecond;
    }
    listed.push_back({entry.range, expires_s, std::nullopt});
  }
  return listed;
}

SetEntriesAnswer entries(const Firewall& firewall, const std::string& name, bool stats) {
  if (!stats) {
    return {listed(firewall.entries(name), firewall.now())};
  }
  std::vector<SetEntry> entries;
  const std::vector<Firewall::EntryHits> hits = firewall.hits(name);
  entries.reserve(hits.size());
  for (const Firewall::EntryHits& one : hits) {
    entries.push_back(one.entry);
  }
  SetEntriesAnswer answer{listed(entries, firewall.now())};
  for (std::size_t i = 0; i < hits.size(); ++i) {
    if (hits[i].hits) {
      answer.entries[i].hits = Hits{hits[i].hits->packets, hits[i].hits->bytes};
    }
  }
  return answer;
}

// No more than a list names.
template <typename Entries, typename RangeOf>
std::vector<AddressRange> first_ranges(const Entries& entries, RangeOf range_of) {
  std::vector<AddressRange> ranges;
  for (const auto& entry : entries) {
    if (ranges.size() == Enforcement::kNamedMost) {
      break;
    }
    ranges.push_back(range_of(entry));
  }
  return ranges;
}

std::size_t size_of_set(const Firewall& firewall, const std::string& name) {
  for (const auto& set : firewall.sets()) {
    if (set.name == name) {
      return set.entries;
    }
  }
  return 0;
}

SetAddition add(const RunFirewall& run, const std::string& name, const SetAdditionRequest& request, ChangeTerms terms) {
  Firewall& firewall = run.required();
  terms.shorten = request.shorten;
  const auto start = std::chrono::steady_clock::now();
  const Firewall::Added added = firewall.add_to_set(name, entries_of(request, firewall.now()), terms);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  run.tell(
      {name, added.changed, 0, first_ranges(request.entries, [](const RequestedEntry& one) { return one.range; })});
  return {added.changed,    took.count(),
          added.renewed,    listed(added.former, firewall.now()),
          added.outlasting, listed(added.longer, firewall.now()),
          added.exempt,     added.covered,
          added.narrower,   run.enforced_after_change()};
}

SetRemoval remove(const RunFirewall& run, const std::string& name, const SetRemovalRequest& request,
                  const ChangeTerms& terms) {
  const auto removed = run.required().take_from_set(name, request.entries, terms);
  run.tell({name, 0, removed.changed, first_ranges(request.entries, [](const AddressRange& one) { return one; })});
  return {removed.changed, removed.missing, removed.staying, run.enforced_after_change()};
}

ChangeTerms terms_of_set(const Firewall& firewall, const std::string& name, const Request& request) {
  ChangeTerms terms = terms_of(request);
  require_tag(terms, request, [&firewall, name] { return set_tag(firewall, name); });
  return terms;
}

}  // namespace

void add_sets_routes(Router& router, const RunFirewall& run) {
  router.add("GET", resource::kSets, Lane::quick,
             [run](const Request& request) { return encode(list(run.required(), asks_stats(request))); });
  router.add_raw("GET", resource::kSet, Lane::quick, [run](const Request& request) {
    const std::string name = set_asked(request);
    const std::string tag = set_tag(run.required(), name);
    return tagged(encode(entries(run.required(), name, asks_stats(request))), tag);
  });
  router.add("PUT", resource::kSet, Lane::quick, [run](const Request& request) {
    const std::string name = set_asked(request);
    Firewall& firewall = run.required();
    const auto wanted = decode<SetReplacementRequest>(request.body);
    ChangeTerms terms = terms_of_set(firewall, name, request);
    terms.allow_empty = wanted.allow_empty;
    run.require_enforced();
    const std::size_t before = size_of_set(firewall, name);
    const std::size_t entries = firewall.replace_set(name, entries_of(wanted, firewall.now()), terms);
    run.tell(
        {name, entries, before, first_ranges(wanted.entries, [](const RequestedEntry& one) { return one.range; })});
    return encode(SetReplacement{entries, run.enforced_after_change()});
  });
  router.add("DELETE", resource::kSet, Lane::quick, [run](const Request& request) {
    const std::string name = set_asked(request);
    Firewall& firewall = run.required();
    refuse_fields(request.body);
    const ChangeTerms terms = terms_of_set(firewall, name, request);
    if (terms.confirm) {
      throw BadRequest("confirm: a set that no rule names is removed for good; allowed is with entries of a set");
    }
    run.require_enforced();
    const std::size_t before = size_of_set(firewall, name);
    firewall.remove_set(name, terms);
    run.tell({name, 0, before});
    return encode(EnforcedAnswer{run.enforced_after_change()});
  });
  router.add("POST", resource::kSetEntries, Lane::quick, [run](const Request& request) {
    const std::string name = set_asked(request);
    const Firewall& firewall = run.required();
    const auto wanted = decode<SetAdditionRequest>(request.body);
    const ChangeTerms terms = terms_of_set(firewall, name, request);
    run.require_enforced();
    return encode(add(run, name, wanted, terms));
  });
  router.add("POST", resource::kSetRemovals, Lane::quick, [run](const Request& request) {
    const std::string name = set_asked(request);
    const Firewall& firewall = run.required();
    const auto wanted = decode<SetRemovalRequest>(request.body);
    const ChangeTerms terms = terms_of_set(firewall, name, request);
    run.require_enforced();
    return encode(remove(run, name, wanted, terms));
  });
}

}  // namespace nicsentry
