// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/other_tools.h"

#include <algorithm>
#include <array>

#include "host/base/closest_word.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

// A word of ours, and what other tools say for it, with blanks between.
struct Meaning {
  std::string_view ours;
  std::string_view theirs;
};

constexpr std::array<Meaning, 19> kFieldMeanings{{
    {"src", "s saddr source srcip src_ip source_ip sip ip_src from client"},
    {"dst", "d daddr destination dstip dst_ip destination_ip dest dip ip_dst to server"},
    {"l4proto", "p proto protocol ip_proto ip_protocol nexthdr"},
    {"sport", "srcport src_port source_port sourceport sports"},
    {"dport", "dstport dst_port destination_port dest_port destinationport dports"},
    {"in", "i iif iifname iface interface dev in_interface in_iface in_port"},
    {"out", "o oif oifname out_interface out_iface out_port"},
    {"tcpflags", "flags tcp_flags syn"},
    {"conntrack", "state ctstate ct_state ct"},
    {"action", "j jump target verdict policy"},
    {"log", "nflog"},
    {"description", "comment name note"},
    {"expires", "timeout lifetime for until duration"},
    {"icmptype", "icmp_type icmpv6_type icmp6_type type"},
    {"icmpcode", "icmp_code icmpv6_code icmp6_code code"},
    {"length", "len size pktlen packet_length total_length ip_length bytes"},
    {"dscp", "dscp_class tos ds dsfield traffic_class tclass"},
    {"ttl", "hoplimit hop_limit hl hops ttl_eq hl_eq"},
    {"vlan", "vlan_id vid vlanid dot1q"},
}};

constexpr std::array<Meaning, 19> kValueMeanings{{
    {"drop", "deny reject block discard refuse"},
    {"accept", "allow permit pass"},
    {"pass", "allow permit accept"},
    {"ingress", "input in incoming inbound"},
    {"egress", "output out outgoing outbound"},
    {"on", "yes true 1 enable enabled"},
    {"off", "no false 0 disable disabled"},
    {"src", "source sources saddr srcip client clients host hosts ip address"},
    {"dst", "destination destinations dest daddr dstip server servers"},
    {"dport", "port ports service services dstport"},
    {"proto", "protocol protocols l4proto"},
    {"hw", "offload offloaded hardware card nic xdpoffload"},
    {"drv", "native driver xdpdrv"},
    {"skb", "generic xdpgeneric"},
    {"tc", "clsact"},
    {"source", "saddr srcip client clients host hosts ip address"},
    {"destination", "dest daddr dstip server servers"},
    {"ICMPv6", "icmp6 icmp_v6 ipv6_icmp"},
    {"ESTABLISHED", "est estab"},
}};

std::string lower_case(std::string_view word) {
  std::string text(word);
  for (char& letter : text) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return text;
}

// In lower case, without dashes before it, with '_' for those within: "--ctstate", "src-ip".
std::string plain_word(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  std::string text = lower_case(word);
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

bool has_word(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

// Without a look for the closest one.
std::string known_meaning(const std::string& asked, std::span<const char* const> allowed,
                          std::span<const Meaning> meanings) {
  const auto is_meant = [&asked](const Meaning& meaning) { return has_word(meaning.theirs, asked); };
  for (const char* ours : allowed) {
    if (same_word(ours, asked)) return std::string("; did you mean '") + ours + "'?";
    const bool meant = std::any_of(meanings.begin(), meanings.end(),
                                   [&](const Meaning& meaning) { return meaning.ours == ours && is_meant(meaning); });
    if (meant) return std::string("; did you mean '") + ours + "'?";
  }
  return {};
}

std::string meaning_hint(std::string_view word, std::span<const char* const> allowed,
                         std::span<const Meaning> meanings) {
  const std::string asked = plain_word(word);
  const std::string hint = known_meaning(asked, allowed, meanings);
  return hint.empty() ? did_you_mean(asked, allowed) : hint;
}

}  // namespace

std::string field_hint(std::string_view name, std::span<const char* const> fields) {
  const std::string asked = plain_word(name);
  if (asked == "port" || asked == "ports") return "; did you mean 'dport' or 'sport'?";
  return meaning_hint(name, fields, kFieldMeanings);
}

std::string value_hint(std::string_view word, std::span<const char* const> allowed) {
  const auto is_drv = [](std::string_view one) { return one == "drv"; };
  if (plain_word(word) == "xdp" && std::any_of(allowed.begin(), allowed.end(), is_drv)) {
    return "; did you mean 'drv' or 'skb'?";
  }
  return meaning_hint(word, allowed, kValueMeanings);
}

std::string name_hint(std::string_view word, const std::vector<std::string>& names) {
  word = trimmed(word);
  if (word.starts_with('!')) word = trimmed(word.substr(1));
  const bool known =
      std::any_of(names.begin(), names.end(), [word](const std::string& name) { return same_word(name, word); });
  if (known || word.empty() || (word.front() >= '0' && word.front() <= '9')) return {};
  std::vector<const char*> allowed;
  std::vector<std::string> lower;
  for (const std::string& name : names) {
    allowed.push_back(name.c_str());
    lower.push_back(lower_case(name));
  }
  if (std::string hint = known_meaning(plain_word(word), allowed, kValueMeanings); !hint.empty()) return hint;
  const auto closest = closest_word(lower_case(word), lower);
  if (!closest) return {};
  const auto place = std::find(lower.begin(), lower.end(), *closest) - lower.begin();
  return "; did you mean '" + names[static_cast<std::size_t>(place)] + "'?";
}

}  // namespace nicsentry
