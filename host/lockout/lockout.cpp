// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/lockout.h"

#include <linux/if_ether.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "host/lockout/caller.h"
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
         "\nWith --yes it is done all the same; with --yes --confirm 60s it is taken back unless 'nicsentry rules "
         "confirm' follows.";
}

const ChainRules& rules_of(const Situation& situation, Chain chain) {
  return *situation.chains.at(static_cast<std::size_t>(chain));
}

Verdict verdict_in(const Situation& situation, const VitalPacket& vital) {
  return verdict_of(rules_of(situation, vital.chain), vital.chain, vital.packet, situation.in_set);
}

bool counts(const VitalPacket& vital, const Verdict& verdict, const Situation& situation) {
  if (!verdict.dropped || vital.by == CutOffBy::any) {
    return verdict.dropped;
  }
  bool names = verdict.blocked;
  if (verdict.rule) {
    const RuleMatch& match = rules_of(situation, vital.chain).rules[*verdict.rule].match;
    // Whoever names any address means what he drops; what is vital has to be one that is meant.
    const bool any = !match.source.any() || !match.destination.any();
    names = vital.by == CutOffBy::unnamed ? any : !(vital.source_is_vital ? match.source : match.destination).any();
  }
  return names == (vital.by == CutOffBy::naming);
}

// What no entry named may be dropped by the default before: of an address that says nothing.
bool was_cut_off(const VitalPacket& vital, const Situation& before) {
  const Verdict verdict = verdict_in(before, vital);
  return vital.by == CutOffBy::naming ? counts(vital, verdict, before) : verdict.dropped;
}

std::string decided_text(const Verdict& verdict, Chain chain) {
  const std::string where = std::string(" of ") + chain_name(chain);
  if (verdict.blocked) {
    return "blocked";
  }
  return verdict.rule ? "rule " + std::to_string(*verdict.rule) + where : "the default" + where;
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
  std::set<std::string> named;  // once, also where both chains or several packets say so
  std::set<std::string> standing;
  for (const VitalPacket& vital : packets) {
    const Verdict verdict = verdict_in(after, vital);
    if (!counts(vital, verdict, after) || was_cut_off(vital, before) ||
        !(vital.by == CutOffBy::unnamed ? standing : named).insert(vital.what).second) {
      continue;
    }
    if (vital.by != CutOffBy::unnamed || standing.size() <= kStandingNamed) {
      lines.push_back(vital.what + " (" + decided_text(verdict, vital.chain) + ")");
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

std::vector<VitalPacket> VitalTraffic::packets(std::optional<pid_t> caller, bool standing) const {
  HostTraffic host;
  host.networks = read_own_network(options_.ports);
  host.resolvers = read_resolvers();
  host.egress_seen = options_.egress_seen;
  host.one_way = options_.one_way;
  if (caller || standing) {
    std::vector<TcpSocket> sockets = established_sockets();
    if (caller) {
      host.caller = connections_of_caller(*caller, sockets);
    }
    if (standing) {
      host.standing = std::move(sockets);
    }
  }
  return vital_packets(host);
}

std::vector<TcpSocket> VitalTraffic::connections() const {
  const std::vector<PortNetwork> networks = read_own_network(options_.ports);
  std::vector<TcpSocket> sockets = established_sockets();
  std::erase_if(sockets, [&networks](const TcpSocket& socket) {
    return std::none_of(networks.begin(), networks.end(), [&socket](const PortNetwork& network) {
      return std::find(network.addresses.begin(), network.addresses.end(), socket.local.address) !=
             network.addresses.end();
    });
  });
  return sockets;
}

}  // namespace nicsentry
