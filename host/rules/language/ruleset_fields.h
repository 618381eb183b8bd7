// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>

// The names that rulesets have, for whoever reads or writes them.
namespace nicsentry::ruleset_fields {

inline constexpr const char* kVersion = "version";
inline constexpr const char* kSets = "sets";
inline constexpr const char* kRules = "rules";
inline constexpr const char* kExpires = "expires";
inline constexpr const char* kExpiresNs = "expires_ns";
inline constexpr std::array kEntryFields = {"range", kExpires, kExpiresNs};  // of a set's entry
inline constexpr std::array kSettings = {"default", "accept_established", "unjudged", "non_ip"};

}  // namespace nicsentry::ruleset_fields
