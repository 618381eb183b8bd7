// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "host/base/error.h"
#include "host/packet/session_key.h"

namespace nicsentry {

// Selects the analyses: features of single packets (ddos), metrics of TCP and UDP sessions (crypto), or both.
enum class Profile : std::uint8_t { ddos, crypto, all };

constexpr bool has_ddos(Profile profile) { return profile != Profile::crypto; }
constexpr bool has_crypto(Profile profile) { return profile != Profile::ddos; }

// Returns whether the crypto analysis covers sessions of this protocol. The ddos analysis covers all.
constexpr bool crypto_tracks(Protocol protocol) { return protocol == Protocol::tcp || protocol == Protocol::udp; }

// "ddos", "crypto", "all".
constexpr const char* profile_name(Profile profile) {
  if (profile == Profile::all) return "all";
  return profile == Profile::ddos ? "ddos" : "crypto";
}

// Throws Error for any other name.
inline Profile parse_profile(std::string_view name) {
  for (const Profile profile : {Profile::ddos, Profile::crypto, Profile::all}) {
    if (name == profile_name(profile)) return profile;
  }
  throw Error("unknown profile '" + std::string(name) + "': allowed are ddos, crypto, all");
}

}  // namespace nicsentry
