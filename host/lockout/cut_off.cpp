// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/cut_off.h"

#include <linux/if_ether.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "host/rules/language/rate_text.h"
#include "host/rules/verdict.h"

namespace nicsentry {
namespace {

constexpr std::size_t kStandingNamed = 5;

std::string text_of(const std::vector<std::string>& cut_off) {
  std::string text = "refused: it would cut off";
  for (const std::string& one : cut_off) {
    text += "\n  " + one;
  }
  return text +
         "\nNothing was changed. To do it all the same: --yes. To try it for a minute: --yes --confirm 60s, then keep "
         "it "
         "with 'nicsentry rules confirm'.";
}

const ChainRules& rules_of(const Situation& situation, Chain chain) {
  return *situation.chains.at(static_cast<std::size_t>(chain));
}

// The first limit that such packets meet and whose rate is too low for them.
std::optional<std::size_t> too_slow(const Situation& situation, const VitalPacket& vital) {
  const std::vector<Rule>& rules = rules_of(situation, vital.chain).rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const bool limits = rules[i].action == RuleAction::limit;
    if ((!limits && !decides(rules[i].action)) || !matches(rules[i].match, vital.packet, situation.in_set)) continue;
    if (!limits) break;
    const Rate& rate = rules[i].limit->rate;
    const double per_minute = static_cast<double>(rate.amount) * 60 / rate.period_s / (rate.bits ? 8 * kVitalBytes : 1);
    if (per_minute < vital.least_per_minute) return i;
  }
  return std::nullopt;
}

// With a limit that is too low as the rule that drops.
Verdict verdict_in(const Situation& situation, const VitalPacket& vital) {
  const Verdict verdict = verdict_of(rules_of(situation, vital.chain), vital.chain, vital.packet, situation.in_set);
  if (verdict.dropped) return verdict;
  const auto limit = too_slow(situation, vital);
  return limit ? Verdict{true, false, limit} : verdict;
}

bool is_everything(const AddressRange& range) {
  const auto all = [](const IpAddress& address, std::uint8_t value) {
    const auto* end = address.bytes.begin() + (address.version == 4 ? 4 : 16);
    return std::all_of(address.bytes.begin(), end, [value](std::uint8_t byte) { return byte == value; });
  };
  return all(range.first, 0) && all(range.last, 0xFF);
}

// "All but" names nobody.
bool names_some(const AddressMatch& match) {
  return !match.sets.empty() || std::any_of(match.ranges.begin(), match.ranges.end(),
                                            [](const AddressRange& range) { return !is_everything(range); });
}

bool counts(const VitalPacket& vital, const Verdict& verdict, const Situation& situation) {
  if (!verdict.dropped || vital.by == CutOffBy::any) {
    return verdict.dropped;
  }
  bool names = verdict.blocked;
  if (verdict.rule) {
    const RuleMatch& match = rules_of(situation, vital.chain).rules[*verdict.rule].match;
    // Whoever names any address means what he drops; what is vital has to be one that is meant.
    names = vital.by == CutOffBy::unnamed ? names_some(match.source) || names_some(match.destination)
                                          : names_some(vital.source_is_vital ? match.source : match.destination);
  }
  return names == (vital.by == CutOffBy::naming);
}

// A packet that no entry names can be dropped by the default before, which says nothing of its address.
bool was_cut_off(const VitalPacket& vital, const Situation& before) {
  const Verdict verdict = verdict_in(before, vital);
  return vital.by == CutOffBy::naming ? counts(vital, verdict, before) : verdict.dropped;
}

std::string least_text(std::uint32_t per_minute) {
  return per_minute % 60 == 0 ? std::to_string(per_minute / 60) + "/s" : std::to_string(per_minute) + "/m";
}

std::string decided_text(const Verdict& verdict, const VitalPacket& vital, const Situation& situation) {
  const std::string where = std::string(" of ") + chain_name(vital.chain);
  if (verdict.blocked) {
    return "blocked";
  }
  if (!verdict.rule) {
    return "the default" + where;
  }
  const std::string rule = "rule " + std::to_string(*verdict.rule) + where;
  const auto& limit = rules_of(situation, vital.chain).rules[*verdict.rule].limit;
  return limit ? rule + " limits it to " + rate_text(limit->rate) + ", it needs " + least_text(vital.least_per_minute)
               : rule;
}

bool passes_arp(const ChainRules& rules) {
  return !rules.non_ip || std::binary_search(rules.non_ip->begin(), rules.non_ip->end(), std::uint16_t{ETH_P_ARP});
}

bool loses_arp(std::span<const VitalPacket> packets, Chain chain, const Situation& before, const Situation& after) {
  return passes_arp(rules_of(before, chain)) && !passes_arp(rules_of(after, chain)) &&
         std::any_of(packets.begin(), packets.end(), [chain](const VitalPacket& vital) {
           return vital.chain == chain && vital.packet.destination.version == 4;
         });
}

}  // namespace

LockOut::LockOut(std::vector<std::string> cut_off) : Conflict(text_of(cut_off)), cut_off_(std::move(cut_off)) {}

std::vector<std::string> cut_off(std::span<const VitalPacket> packets, const Situation& before,
                                 const Situation& after) {
  std::vector<std::string> lines;
  std::set<std::string> named;
  std::set<std::string> standing;
  for (const VitalPacket& vital : packets) {
    const Verdict verdict = verdict_in(after, vital);
    if (!counts(vital, verdict, after) || was_cut_off(vital, before) ||
        !(vital.by == CutOffBy::unnamed ? standing : named).insert(vital.one_of).second) {
      continue;
    }
    if (vital.by != CutOffBy::unnamed || standing.size() <= kStandingNamed) {
      lines.push_back(vital.what + " (" + decided_text(verdict, vital, after) + ")");
    }
  }
  if (standing.size() > kStandingNamed) {
    lines.push_back("and " + std::to_string(standing.size() - kStandingNamed) + " more connections");
  }
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    if (loses_arp(packets, chain, before, after)) {
      lines.push_back(std::string("ARP, by which IPv4 neighbours are found (non-ip of ") + chain_name(chain) + ")");
    }
  }
  return lines;
}

}  // namespace nicsentry
