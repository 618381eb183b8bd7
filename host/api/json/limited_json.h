// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/api/json/fields.h"
#include "host/api/json/rules_json.h"

namespace nicsentry {

// Addresses of a limit that an answer has, those with the most packets.
constexpr std::size_t kLimitedDefault = 10;
constexpr std::size_t kLimitedMost = 65536;
// An address is beyond the rate now if its last packet was dropped within this time.
constexpr double kLimitedNowSeconds = 10;

// The limits of both chains, and who was beyond them.
struct LimitedAnswer {
  struct Address {
    std::optional<std::string> range;  // none: the rule's one bucket
    Counts dropped;
    double last_s = 0;  // seconds since the last packet that was dropped
    bool now = false;
  };
  struct OfRule {
    NumberedRule rule;
    Counts dropped;
    std::size_t known = 0;  // addresses that were beyond the rate
    std::size_t now = 0;    // of them are now
    std::vector<Address> addresses;
  };
  std::vector<OfRule> ingress;
  std::vector<OfRule> egress;
};
nlohmann::ordered_json encode(const LimitedAnswer& answer);
template <>
LimitedAnswer decode(const nlohmann::json& answer);

// "?top=10". Throws BadRequest for anything else, but for nothing.
std::size_t parse_limited_query(const std::map<std::string, std::string>& query);

}  // namespace nicsentry
