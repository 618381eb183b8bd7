// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

#include "host/rules/language/rule.h"

namespace nicsentry::foreign {

// A limit in a rule of another firewall.
struct ForeignLimit {
  Limit limit;
  bool beyond = false;  // the rule matches packets beyond the rate; else those within it
  std::string note;     // where it is not quite the same; empty: it is
};

constexpr std::uint64_t kUsualBurst = 5;  // packets, of nft and iptables

// Each throws Untold for a limit that none of ours says. `per`: "second", "minute", "hour", "day", "week".
std::uint64_t seconds_of(const std::string& per);
Limit packets_limit(std::uint64_t amount, const std::string& per, std::uint64_t burst);
// As nft has it: a bucket holds what the rate gives in its unit of time, and `burst` more.
Limit bytes_limit(std::uint64_t bytes, const std::string& per, std::uint64_t burst);

BucketKey bucket_key(bool source, bool ipv4, unsigned prefix);
unsigned mask_length(const std::string& mask);  // 24 of "255.255.255.0"

// A note for buckets that are forgotten, and so full, after this time without a packet; empty where they are full then.
std::string forgets_too_soon(const Limit& limit, std::uint64_t seconds);

}  // namespace nicsentry::foreign
