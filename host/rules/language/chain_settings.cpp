// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/chain_settings.h"

#include <algorithm>

#include "host/base/error.h"
#include "host/rules/language/ether_type.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

constexpr std::size_t kEtherTypesMax = 64;  // in a list

constexpr const char* kAllTypes = "all";
constexpr const char* kNonIpAllowed =
    "\"all\" or a list of EtherTypes, each a name (ARP, RARP, LLDP, PPPOE-DISCOVERY, PPPOE, MPLS, MPLS-MULTICAST, "
    "EAPOL, MACSEC, PTP, LACP, LLC) or a number such as \"0x88cc\"";

}  // namespace

const char* unjudged_name(bool drop) { return drop ? "drop" : "pass"; }

bool parse_unjudged(const nlohmann::json& value) {
  for (const bool drop : {true, false}) {
    if (value == unjudged_name(drop)) return drop;
  }
  throw BadRequest("unjudged: read " + excerpt(value) + ", allowed is drop or pass");
}

std::optional<std::vector<std::uint16_t>> parse_non_ip(const nlohmann::json& value) {
  if (value == kAllTypes) return std::nullopt;
  if (!value.is_array()) {
    throw BadRequest("non_ip: read " + excerpt(value) + ", allowed is " + kNonIpAllowed);
  }
  if (value.size() > kEtherTypesMax) {
    throw BadRequest("non_ip: read " + std::to_string(value.size()) + " EtherTypes, allowed are " +
                     std::to_string(kEtherTypesMax) + " at most");
  }
  std::vector<std::uint16_t> types;
  for (const nlohmann::json& element : value) {
    const auto type = element.is_string() ? parse_ether_type(element.get_ref<const std::string&>()) : std::nullopt;
    if (!type) {
      throw BadRequest("non_ip: read " + excerpt(element) + ", allowed is " + kNonIpAllowed);
    }
    types.push_back(*type);
  }
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
  return types;
}

nlohmann::ordered_json non_ip_json(const std::optional<std::vector<std::uint16_t>>& types) {
  if (!types) return kAllTypes;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const std::uint16_t type : *types) {
    list.push_back(ether_type_text(type));
  }
  return list;
}

}  // namespace nicsentry
