// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "host/rules/language/rule.h"

namespace nicsentry {

// Conversions between the fields of a limit and their texts. Parsers return nullopt for an invalid text and ignore the
// case of words, but for the b of bits and the B of bytes.

inline constexpr const char* kRateAllowed =
    "packets per s, m or h (\"100/s\", 1/h to 1000000000/s) or bits per second (\"10Mbit/s\", 1kbit/s to 1000Gbit/s)";
inline constexpr const char* kBurstAllowed =
    "packets, or bytes with a rate of bits (\"64kB\"), 1 to 4000000000, of at most a day at the rate";
inline constexpr const char* kPerAllowed =
    "rule, source or destination, the latter two also with the length of IPv6 prefixes (\"source/56\", 1 to 128), or "
    "with those of IPv4 and IPv6 (\"source/24/56\")";

std::optional<Rate> parse_rate(std::string_view text);
std::string rate_text(const Rate& rate);

// Packets, or bytes: "20", "64kB".
std::optional<std::uint64_t> parse_burst(std::string_view text);
std::string burst_text(std::uint64_t burst, bool of_bits);

// "rule", "source", "destination", "source/56" (IPv6), "source/24/56" (IPv4 and IPv6).
std::optional<BucketKey> parse_per(std::string_view text);
std::string per_text(const BucketKey& key);

}  // namespace nicsentry
