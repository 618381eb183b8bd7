// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/lockout_check.h"

#include <algorithm>
#include <map>
#include <set>

namespace nicsentry {
namespace {

// Which addresses of the packets are within the entries. Entries may be a million, vital addresses are few.
std::set<IpAddress> addresses_within(std::span<const VitalPacket> packets, std::span<const SetEntry> entries) {
  std::set<IpAddress> vital;
  for (const VitalPacket& packet : packets) {
    vital.insert({packet.packet.source, packet.packet.destination});
  }
  std::set<IpAddress> within;
  for (const SetEntry& entry : entries) {
    const auto end = vital.upper_bound(entry.range.last);
    for (auto address = vital.lower_bound(entry.range.first); address != end; ++address) {
      if (entry.range.contains(*address)) {  // of the same family, too
        within.insert(*address);
      }
    }
  }
  return within;
}

ChainRules lasting(ChainRules chain) {
  std::erase_if(chain.rules, [](const Rule& rule) { return rule.expires_ns.has_value(); });
  return chain;
}

void refuse(std::vector<std::string> lost) {
  if (!lost.empty()) {
    throw LockOut(std::move(lost));
  }
}

}  // namespace

// Packets are looked for only where the change can matter to them.
bool LockoutCheck::matters(const std::string& set, const ChangeTerms& terms) const {
  return find_ && !terms.yes && (AddressSets::built_in(set) || rules_.uses_of(set) != 0);
}

InSet LockoutCheck::in_set_now() const {
  return [&sets = sets_.in_memory()](const std::string& set, const IpAddress& address) {
    return sets.exists(set) && sets.contains(set, address);
  };
}

std::vector<std::string> LockoutCheck::cut_off_by(const NextChains& next, const Caller& caller) const {
  return find_ ? cut_off_by(next, {}, caller) : std::vector<std::string>();
}

void LockoutCheck::replace_rules(const NextChains& next, std::span<const SetFiles::Set> sets,
                                 const ChangeTerms& terms) const {
  if (find_ && !terms.yes) {
    refuse(cut_off_by(next, sets, terms.caller));
  }
}

std::vector<std::string> LockoutCheck::cut_off_by(const NextChains& next, std::span<const SetFiles::Set> sets,
                                                  const Caller& caller) const {
  const std::array<std::shared_ptr<const ChainRules>, 2> now{rules_.rules(Chain::ingress), rules_.rules(Chain::egress)};
  const std::vector<VitalPacket> packets = find_(caller, true);
  const InSet in_set_before = in_set_now();
  std::map<std::string, std::set<IpAddress>> within;
  for (const SetFiles::Set& set : sets) {
    within[set.name] = addresses_within(packets, set.entries);
  }
  const InSet in_set_after = [&](const std::string& set, const IpAddress& address) {
    const auto changed = within.find(set);
    return changed != within.end() ? changed->second.contains(address) : in_set_before(set, address);
  };
  const auto judge = [&](auto rules_of) {
    std::array<ChainRules, 2> before;
    std::array<ChainRules, 2> after;
    for (std::size_t chain = 0; chain < now.size(); ++chain) {
      before.at(chain) = rules_of(*now.at(chain));
      after.at(chain) = rules_of(next.at(chain) != nullptr ? *next.at(chain) : *now.at(chain));
    }
    return cut_off(packets, {{before.data(), &before[1]}, in_set_before}, {{after.data(), &after[1]}, in_set_after});
  };
  std::vector<std::string> lost = judge([](const ChainRules& chain) { return chain; });
  return lost.empty() ? judge(lasting) : lost;  // lasting: once the rules with a lifetime have ended
}

// A block is there to end an attacker's standing connection, which is not vital for the built-in sets therefore.
void LockoutCheck::judge_set(const std::string& set, std::span<const SetEntry> entries, Entries become,
                             const ChangeTerms& terms) const {
  const auto ingress = rules_.rules(Chain::ingress);
  const auto egress = rules_.rules(Chain::egress);
  const std::vector<VitalPacket> packets = find_(terms.caller, !AddressSets::built_in(set));
  const std::set<IpAddress> within = addresses_within(packets, entries);
  const Situation before{{ingress.get(), egress.get()}, in_set_now()};
  Situation after = before;
  after.in_set = [&](const std::string& asked, const IpAddress& address) {
    const bool changed = asked == set;
    return (changed && within.contains(address)) ||
           ((!changed || become == Entries::added) && before.in_set(asked, address));
  };
  refuse(cut_off(packets, before, after));
}

void LockoutCheck::add_to_set(const std::string& set, std::span<const SetEntry> entries,
                              const ChangeTerms& terms) const {
  if (matters(set, terms)) {
    judge_set(set, entries, Entries::added, terms);
  }
}

void LockoutCheck::replace_set(const std::string& set, std::span<const SetEntry> entries,
                               const ChangeTerms& terms) const {
  if (matters(set, terms)) {
    judge_set(set, entries, Entries::all, terms);
  }
}

void LockoutCheck::take_from_set(const std::string& set, std::span<const AddressRange> ranges,
                                 const ChangeTerms& terms) const {
  if (!matters(set, terms) || !sets_.in_memory().exists(set)) {
    return;
  }
  std::vector<SetEntry> left = sets_.entries(set);
  const std::set<AddressRange> taken(ranges.begin(), ranges.end());
  std::erase_if(left, [&taken](const SetEntry& entry) { return taken.contains(entry.range); });
  judge_set(set, left, Entries::all, terms);
}

}  // namespace nicsentry
