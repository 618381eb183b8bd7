// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/replaced_changes.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <string_view>

#include "host/rules/language/rule_equality.h"

namespace nicsentry {
namespace {

constexpr std::array kChainsOfFiles{Chain::ingress, Chain::egress};

std::vector<AddressRange> ranges_in(const Firewall& firewall, const std::string& set) {
  std::vector<AddressRange> ranges;
  for (const SetEntry& entry : firewall.entries(set)) {
    ranges.push_back(entry.range);
  }
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

std::uint64_t digest_of(const std::vector<AddressRange>& ranges) {
  const auto bytes_of = [](const IpAddress& address) {
    return std::string_view(reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size());
  };
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;  // 2^64 by the golden ratio
  std::uint64_t digest = ranges.size();
  for (const AddressRange& range : ranges) {
    for (const IpAddress& end : {range.first, range.last}) {
      digest = (digest ^ std::hash<std::string_view>{}(bytes_of(end)) ^ end.version) * kFactor;
    }
  }
  return digest;
}

std::set<std::string> rule_keys_of(const std::shared_ptr<const ChainRules>& chain) {
  std::set<std::string> keys;
  if (chain != nullptr) {
    for (const Rule& rule : chain->rules) {
      keys.insert(rule_key(rule));
    }
  }
  return keys;
}

std::size_t count_without(const std::set<std::string>& keys, const std::set<std::string>& one,
                          const std::set<std::string>& other) {
  return static_cast<std::size_t>(std::count_if(
      keys.begin(), keys.end(), [&](const std::string& key) { return !one.contains(key) && !other.contains(key); }));
}

bool same_settings(const ChainRules& one, const ChainRules& other) {
  return one.default_action == other.default_action && one.accept_established == other.accept_established &&
         one.drop_unjudged == other.drop_unjudged && one.non_ip == other.non_ip;
}

void add_part(std::string& text, const std::string& part) { text += (text.empty() ? "" : ", ") + part; }

std::string count_text(std::size_t count, const char* one, const char* several) {
  return std::to_string(count) + " " + (count == 1 ? one : several);
}

}  // namespace

void ReplacedChanges::note(const Firewall& firewall) {
  for (const Chain chain : kChainsOfFiles) {
    chains_.at(static_cast<std::size_t>(chain)) = firewall.rules(chain);
  }
  sets_.clear();
  for (const auto& set : firewall.sets()) {
    sets_[set.name] = digest_of(ranges_in(firewall, set.name));
  }
}

ReplacedChanges::Before ReplacedChanges::before(const Firewall& firewall) const {
  Before before;
  for (const Chain chain : kChainsOfFiles) {
    before.chains.at(static_cast<std::size_t>(chain)) = firewall.rules(chain);
  }
  for (const auto& set : firewall.sets()) {
    std::vector<AddressRange> ranges = ranges_in(firewall, set.name);
    const auto known = sets_.find(set.name);
    if (known == sets_.end() || known->second != digest_of(ranges)) {
      before.sets[set.name] = std::move(ranges);
    }
  }
  return before;
}

std::string ReplacedChanges::lost(const Before& before, const Firewall& firewall) const {
  std::string text;
  for (const Chain chain : kChainsOfFiles) {
    const auto index = static_cast<std::size_t>(chain);
    const auto& was = before.chains.at(index);
    const auto now = firewall.rules(chain);
    if (was == nullptr || was == now) {
      continue;
    }
    const auto of_files = rule_keys_of(chains_.at(index));
    const auto of_before = rule_keys_of(was);
    const auto of_now = rule_keys_of(now);
    if (const std::size_t gone = count_without(of_before, of_files, of_now); gone != 0) {
      add_part(text, count_text(gone, "rule", "rules") + " of " + chain_name(chain) + " that had been added");
    }
    std::set<std::string> both;
    std::set_intersection(of_files.begin(), of_files.end(), of_now.begin(), of_now.end(),
                          std::inserter(both, both.end()));
    if (const std::size_t back = count_without(both, of_before, {}); back != 0) {
      add_part(text, count_text(back, "rule", "rules") + " of " + chain_name(chain) + " that had been removed");
    }
    if (!same_settings(chains_.at(index) ? *chains_.at(index) : ChainRules(), *was) && !same_settings(*was, *now)) {
      add_part(text, std::string("settings of ") + chain_name(chain));
    }
  }
  std::set<std::string> names;
  for (const auto& set : firewall.sets()) {
    names.insert(set.name);
  }
  for (const auto& [name, ranges] : before.sets) {
    const auto now = names.contains(name) ? ranges_in(firewall, name) : std::vector<AddressRange>();
    if (now != ranges) {
      std::vector<AddressRange> gone;
      std::set_difference(ranges.begin(), ranges.end(), now.begin(), now.end(), std::back_inserter(gone));
      add_part(text, "the set '" + name + "' (" + count_text(gone.size(), "entry", "entries") + ")");
    }
  }
  return text;
}

}  // namespace nicsentry
