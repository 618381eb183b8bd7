// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <string>

#include "host/metrics/samples.h"

namespace nicsentry {
namespace {

using FamilyType = Exposition::Type;
constexpr Chain kBothChains[] = {Chain::ingress, Chain::egress};
constexpr const char* kOther = "other";

const ChainFigures& figures_of(const FirewallFigures& figures, Chain chain) {
  return figures.chains.at(static_cast<std::size_t>(chain));
}

// Two families for each: NAME_packets and NAME_bytes.
void write_chain_amounts(Exposition& exposition, const FirewallFigures& figures, const std::string& name,
                         const std::string& which, Amount ChainFigures::*amount) {
  FamilyWriter packets(exposition, name + "_packets", FamilyType::counter, "Packets " + which);
  FamilyWriter bytes(exposition, name + "_bytes", FamilyType::counter, "Bytes of packets " + which);
  for (const Chain chain : kBothChains) {
    const Amount& counted = figures_of(figures, chain).*amount;
    packets.add({{"chain", chain_name(chain)}}, counted.packets);
    bytes.add({{"chain", chain_name(chain)}}, counted.bytes);
  }
}

void write_unjudged(Exposition& exposition, const FirewallFigures& figures) {
  FamilyWriter packets(exposition, "nicsentry_firewall_unjudged_packets", FamilyType::counter,
                       "Packets that were dropped since rules could not judge them, by cause.");
  FamilyWriter bytes(exposition, "nicsentry_firewall_unjudged_bytes", FamilyType::counter,
                     "Bytes of packets that were dropped since rules could not judge them, by cause.");
  for (const Chain chain : kBothChains) {
    for (const auto& [cause, counted] : figures_of(figures, chain).unjudged) {
      packets.add({{"chain", chain_name(chain)}, {"cause", cause}}, counted.packets);
      bytes.add({{"chain", chain_name(chain)}, {"cause", cause}}, counted.bytes);
    }
  }
}

void write_rules(Exposition& exposition, const FirewallFigures& figures, std::size_t most) {
  FamilyWriter packets(exposition, "nicsentry_rule_packets", FamilyType::counter,
                       "Packets that a rule decided; other: all rules without a series of their own.");
  FamilyWriter bytes(exposition, "nicsentry_rule_bytes", FamilyType::counter, "Bytes of packets that a rule decided.");
  FamilyWriter folded(exposition, "nicsentry_rules_folded", FamilyType::gauge, "Rules that are in the series other.");
  for (const Chain chain : kBothChains) {
    const auto& rules = figures_of(figures, chain).rules;
    const std::size_t shown = std::min(most, rules.size());
    Amount other;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      if (i < shown) {
        const SampleLabels labels = {{"chain", chain_name(chain)}, {"rule", std::to_string(i)}};
        packets.add(labels, rules[i].packets);
        bytes.add(labels, rules[i].bytes);
      } else {
        other.packets += rules[i].packets;
        other.bytes += rules[i].bytes;
      }
    }
    packets.add({{"chain", chain_name(chain)}, {"rule", kOther}}, other.packets);
    bytes.add({{"chain", chain_name(chain)}, {"rule", kOther}}, other.bytes);
    folded.add({{"chain", chain_name(chain)}}, std::uint64_t{rules.size() - shown});
  }
}

void write_sets(Exposition& exposition, const FirewallFigures& figures, std::size_t most) {
  FamilyWriter entries(exposition, "nicsentry_set_entries", FamilyType::gauge,
                       "Entries of an address set; other: all sets without a series of their own.");
  const std::size_t shown = std::min(most, figures.sets.size());
  std::uint64_t other = 0;
  bool taken = false;  // a set has that name
  for (std::size_t i = 0; i < figures.sets.size(); ++i) {
    const auto& set = figures.sets[i];
    if (i < shown && set.name != kOther) {
      entries.add({{"set", set.name}}, std::uint64_t{set.entries});
    } else {
      other += set.entries;
      taken = taken || i < shown;
    }
  }
  entries.add({{"set", kOther}}, other);
  FamilyWriter(exposition, "nicsentry_sets_folded", FamilyType::gauge, "Address sets that are in the series other.")
      .add({}, std::uint64_t{figures.sets.size() - shown + (taken ? 1 : 0)});
}

}  // namespace

void write_firewall(Exposition& exposition, const FirewallFigures& figures, const MetricsSelection& selection) {
  FamilyWriter rules(exposition, "nicsentry_firewall_rules", FamilyType::gauge, "Rules of a chain.");
  FamilyWriter drop(exposition, "nicsentry_firewall_default_drop", FamilyType::gauge,
                    "1 if a chain drops what no rule decides.");
  for (const Chain chain : kBothChains) {
    rules.add({{"chain", chain_name(chain)}}, std::uint64_t{figures_of(figures, chain).rules.size()});
    drop.add({{"chain", chain_name(chain)}}, figures_of(figures, chain).default_drop);
  }
  FamilyWriter enforcing(exposition, "nicsentry_enforcing", FamilyType::gauge,
                         "1 if all rules and sets are in force at the hook.");
  for (const auto& place : figures.places) {
    enforcing.add({{"interface", place.interface}, {"hook", place.hook}, {"chain", chain_name(place.chain)}},
                  place.enforcing);
  }
  write_chain_amounts(exposition, figures, "nicsentry_firewall_dropped", "that a chain dropped, for any reason.",
                      &ChainFigures::dropped);
  write_chain_amounts(exposition, figures, "nicsentry_firewall_blocked", "that were dropped by the set blocked.",
                      &ChainFigures::blocked);
  write_chain_amounts(exposition, figures, "nicsentry_firewall_default", "that the default of a chain decided.",
                      &ChainFigures::by_default);
  write_chain_amounts(exposition, figures, "nicsentry_firewall_established",
                      "that were accepted as part of a connection.", &ChainFigures::established);
  write_chain_amounts(exposition, figures, "nicsentry_firewall_non_ip", "that were dropped as no IP.",
                      &ChainFigures::non_ip);
  write_unjudged(exposition, figures);
  FamilyWriter(exposition, "nicsentry_blocked_entries", FamilyType::gauge, "Entries of the set blocked.")
      .add({}, std::uint64_t{figures.blocked});
  FamilyWriter(exposition, "nicsentry_sets", FamilyType::gauge, "Address sets, the built-in ones included.")
      .add({}, std::uint64_t{figures.sets.size()});
  FamilyWriter(exposition, "nicsentry_firewall_unconfirmed", FamilyType::gauge,
               "1 if a change waits to be confirmed, and is taken back otherwise.")
      .add({}, figures.unconfirmed);
  FamilyWriter(exposition, "nicsentry_firewall_unsaved", FamilyType::gauge,
               "1 if the state directory lacks something that is in force.")
      .add({}, figures.unsaved);
  if (selection.rules != 0) {
    write_rules(exposition, figures, selection.rules);
  }
  if (selection.sets != 0) {
    write_sets(exposition, figures, selection.sets);
  }
}

}  // namespace nicsentry
