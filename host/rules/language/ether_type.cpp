// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/ether_type.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

struct KnownType {
  const char* name;
  std::uint16_t type;
};
// IEEE 802 numbers, IANA; linux/if_ether.h.
constexpr KnownType kKnownTypes[] = {
    {"ARP", 0x0806},    {"RARP", 0x8035}, {"LLDP", 0x88cc},           {"PPPOE-DISCOVERY", 0x8863},
    {"PPPOE", 0x8864},  {"MPLS", 0x8847}, {"MPLS-MULTICAST", 0x8848}, {"EAPOL", 0x888e},
    {"MACSEC", 0x88e5}, {"PTP", 0x88f7},  {"LACP", 0x8809},           {"LLC", kLlc}};
// The programs look behind these, or judge what they announce.
constexpr std::uint16_t kRefusedTypes[] = {0x0800, 0x86dd, 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300};

}  // namespace

std::optional<std::uint16_t> parse_ether_type(std::string_view text) {
  for (const KnownType& known : kKnownTypes) {
    if (same_word(text, known.name)) return known.type;
  }
  if (text.size() < 3 || text.size() > 6 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) return std::nullopt;
  std::uint16_t type = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), type, 16);
  const bool refused = std::find(std::begin(kRefusedTypes), std::end(kRefusedTypes), type) != std::end(kRefusedTypes);
  if (error != std::errc() || end != text.data() + text.size() || type <= kLastLength || refused) return std::nullopt;
  return type;
}

std::string ether_type_text(std::uint16_t type) {
  for (const KnownType& known : kKnownTypes) {
    if (known.type == type) return known.name;
  }
  char text[8];
  std::snprintf(text, sizeof(text), "0x%04x", type);
  return text;
}

}  // namespace nicsentry
