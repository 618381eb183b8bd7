// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf_offload/types.h"
#include "host/base/unique_fd.h"

namespace nicsentry {

// The number of the contract between programs and host that this build has.
constexpr unsigned program_abi() { return PROGRAM_ABI; }

enum class MapRole {
  control,
  sessions,
  counters,
  totals,
  records,
  switches,
  recent,
  firewall_control,
  rule_banks,
  interval_nodes,
  rule_bits,
  rule_actions,
  set_addresses,
  rule_counters,
  expectations,
  limits,
  limit_tables,
  hit_sets,
  hit_names,
  hit_addresses,
  hit_prefixes,
  limited,
};

// A map as the kernel describes it.
struct MapLayout {
  std::string_view name;
  std::uint32_t type = 0;  // BPF_MAP_TYPE_*
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;
};

struct MapSpec {
  MapRole role = MapRole::control;
  MapLayout layout;
  bool on_card = true;  // false: a program on a card has no such map
};

struct ProgramFeatures {
  bool packets = false;  // tracks what the ddos analysis asks for
  bool metrics = false;  // tracks what the crypto analysis asks for
  bool firewall = false;
  bool raw_ip = false;      // reads packets without an Ethernet header
  bool card_vlans = false;  // a build for the card that knows VLANs of sessions; those for the host do
};

// A program of nicsentry as an object file defines it.
struct ProgramSpec {
  std::string_view name;
  std::string_view base;  // the program of which it is a build: kDdos, ...
  unsigned abi = 0;
  std::span<const MapSpec> maps;
  ProgramFeatures features;
};

// The programs of this build. `firewall` is the firewall alone: it sends no packets of known sessions and is loaded by
// hand only; the controller adopts it.
inline constexpr std::string_view kDdos = "ddos";
inline constexpr std::string_view kCrypto = "crypto";
inline constexpr std::string_view kSentry = "sentry";
inline constexpr std::string_view kFirewallAlone = "firewall";

// The kernel's name of a map of this build's programs.
const char* map_name(MapRole role);

// Descriptors of a program's maps.
using MapFds = std::map<MapRole, UniqueFd>;

// Which program one is that has this name and these maps.
struct Identity {
  unsigned abi = 0;                   // 0: it is not nicsentry's
  const ProgramSpec* spec = nullptr;  // the program of that name in this build; null for one that is not nicsentry's
  std::string why_not;                // a program has a name of nicsentry's and is not nicsentry's

  bool ours() const { return abi != 0; }
  bool adoptable() const { return abi == program_abi(); }
};
Identity identify(std::string_view name, const std::vector<MapLayout>& maps);

}  // namespace nicsentry
