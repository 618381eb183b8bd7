// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/program_catalog.h"

#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace nicsentry {
namespace {

constexpr std::string_view kAbiPrefix = "nicsentry_abi";
constexpr unsigned kUnnumberedAbi = 1;

static_assert(std::string_view(CONTROL_MAP_NAME).size() < BPF_OBJ_NAME_LEN, "the kernel keeps the whole name");

constexpr MapSpec array(MapRole role, std::string_view name, std::uint32_t value_size, bool on_card = true) {
  return {role, {name, BPF_MAP_TYPE_ARRAY, sizeof(__u32), value_size}, on_card};
}

constexpr MapSpec kRecords = {
    MapRole::records, {"records", BPF_MAP_TYPE_PERF_EVENT_ARRAY, sizeof(__u32), sizeof(__u32)}, true};

constexpr MapSpec kLimitTables = {
    MapRole::limit_tables, {"limit_tables", BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(__u32), sizeof(__u32)}, false};

constexpr MapSpec hits(MapRole role, std::string_view name, std::uint32_t type) {
  return {role, {name, type, sizeof(hit_key), sizeof(rule_counter)}, false};
}

constexpr MapSpec kLimited = {
    MapRole::limited, {"limited", BPF_MAP_TYPE_LRU_HASH, sizeof(limited_key), sizeof(limited_count)}, false};

// The analyser's maps come first: a program without a firewall has these alone.
constexpr std::size_t kAnalyserMaps = 7;
constexpr std::size_t kUnnumberedAnalyserMaps = 5;

constexpr std::array kMaps = {
    array(MapRole::control, CONTROL_MAP_NAME, sizeof(control)),
    array(MapRole::sessions, "sessions", sizeof(session_bucket)),
    array(MapRole::counters, "counters", sizeof(session_counters)),
    array(MapRole::totals, "totals", sizeof(totals_row)),
    kRecords,
    array(MapRole::switches, ".rodata.live", sizeof(switches), false),
    array(MapRole::recent, "recent", sizeof(notes), false),
    array(MapRole::firewall_control, "fw_control", sizeof(fw_config)),
    array(MapRole::rule_banks, "rule_banks", sizeof(rule_bank)),
    array(MapRole::interval_nodes, "interval_nodes", sizeof(interval_node)),
    array(MapRole::rule_bits, "rule_bits", sizeof(rule_chunk)),
    array(MapRole::rule_actions, "rule_actions", sizeof(rule_action)),
    array(MapRole::set_addresses, "set_addresses", sizeof(address_bucket)),
    array(MapRole::rule_counters, "rule_counters", sizeof(rule_counter)),
    array(MapRole::expectations, "answers", sizeof(__u64), false),
    array(MapRole::limits, "limits", sizeof(limit), false),
    kLimitTables,
    array(MapRole::hit_sets, "hit_sets", sizeof(__u64), false),
    array(MapRole::hit_names, "hit_names", sizeof(__u32), false),
    hits(MapRole::hit_addresses, "hit_addresses", BPF_MAP_TYPE_HASH),
    hits(MapRole::hit_prefixes, "hit_prefixes", BPF_MAP_TYPE_LPM_TRIE),
    kLimited,
};

// Objects of 0.1.0, before maps carried a number.
constexpr std::array kUnnumberedMaps = {
    array(MapRole::control, "control", 56),
    array(MapRole::sessions, "sessions", 56),
    array(MapRole::counters, "counters", 32),
    array(MapRole::totals, "totals", 32),
    kRecords,
    array(MapRole::firewall_control, "fw_control", 32),
    array(MapRole::rule_banks, "rule_banks", 48),
    array(MapRole::interval_nodes, "interval_nodes", 56),
    array(MapRole::rule_bits, "rule_bits", 24),
    array(MapRole::rule_actions, "rule_actions", 12),
    array(MapRole::set_addresses, "set_addresses", 56),
    array(MapRole::rule_counters, "rule_counters", 16),
    array(MapRole::expectations, "answers", 8, false),
};

constexpr std::array<ProgramSpec, 4> programs(unsigned abi, std::span<const MapSpec> maps, std::size_t analyser) {
  return {{{kDdos, kDdos, abi, maps.first(analyser), {.packets = true}},
           {kCrypto, kCrypto, abi, maps.first(analyser), {.metrics = true}},
           {kSentry, kSentry, abi, maps, {.packets = true, .metrics = true, .firewall = true}},
           {kFirewallAlone, kFirewallAlone, abi, maps, {.packets = true, .metrics = true, .firewall = true}}}};
}

// The same programs for packets without an Ethernet header.
constexpr std::array<ProgramSpec, 4> raw_ip_programs() {
  constexpr std::array<std::string_view, 4> kNames = {"ddos_rawip", "crypto_rawip", "sentry_rawip", "firewall_rawip"};
  std::array<ProgramSpec, 4> made = programs(PROGRAM_ABI, kMaps, kAnalyserMaps);
  for (std::size_t i = 0; i < made.size(); ++i) {
    made[i].name = kNames[i];
    made[i].features.raw_ip = true;
  }
  return made;
}

// Those for the card that know the VLANs of sessions.
constexpr std::array<ProgramSpec, 2> vlan_programs() {
  std::array<ProgramSpec, 4> all = programs(PROGRAM_ABI, kMaps, kAnalyserMaps);
  std::array<ProgramSpec, 2> made = {all[0], all[1]};
  made[0].name = "ddos_vlan";
  made[1].name = "crypto_vlan";
  for (ProgramSpec& spec : made) {
    spec.features.card_vlans = true;
  }
  return made;
}

constexpr auto kPrograms = programs(PROGRAM_ABI, kMaps, kAnalyserMaps);
constexpr auto kVlanPrograms = vlan_programs();
constexpr auto kRawIpPrograms = raw_ip_programs();
constexpr auto kUnnumberedPrograms = programs(kUnnumberedAbi, kUnnumberedMaps, kUnnumberedAnalyserMaps);

const ProgramSpec* find(std::span<const ProgramSpec> programs, std::string_view name) {
  const auto found =
      std::find_if(programs.begin(), programs.end(), [name](const ProgramSpec& spec) { return spec.name == name; });
  return found != programs.end() ? &*found : nullptr;
}

// The number in a map's name; nothing where it is another name.
std::optional<unsigned> abi_in(std::string_view name) {
  if (!name.starts_with(kAbiPrefix)) {
    return std::nullopt;
  }
  const std::string_view digits = name.substr(kAbiPrefix.size());
  unsigned number = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = fault == std::errc() && end == digits.data() + digits.size();
  return whole && digits.front() != '0' ? std::optional(number) : std::nullopt;
}

std::string describe(const MapLayout& layout) {
  return "type " + std::to_string(layout.type) + ", key " + std::to_string(layout.key_size) + ", value " +
         std::to_string(layout.value_size);
}

// Whether a user's function, with maps of its own, may be linked with it (linked_object.h).
bool takes_functions(const ProgramSpec& spec) { return spec.abi == program_abi() && !spec.features.firewall; }

// The difference of a program's maps from those of `spec`; empty where there is none.
std::string difference(const ProgramSpec& spec, const std::vector<MapLayout>& maps) {
  std::size_t known = 0;
  for (const MapSpec& wanted : spec.maps) {
    const auto found = std::find_if(maps.begin(), maps.end(),
                                    [&wanted](const MapLayout& map) { return map.name == wanted.layout.name; });
    const std::string name(wanted.layout.name);
    if (found == maps.end()) {
      if (wanted.on_card) {
        return "it has no map '" + name + "'";
      }
      continue;
    }
    ++known;
    if (found->type != wanted.layout.type || found->key_size != wanted.layout.key_size ||
        found->value_size != wanted.layout.value_size) {
      return "its map '" + name + "' has " + describe(*found) + "; not " + describe(wanted.layout);
    }
  }
  return known == maps.size() || takes_functions(spec) ? ""
                                                       : "it has " + std::to_string(maps.size() - known) + " more maps";
}

}  // namespace

const char* map_name(MapRole role) {
  // Each name is a literal, which ends with a zero.
  return kMaps.at(static_cast<std::size_t>(role)).layout.name.data();
}

Identity identify(std::string_view name, const std::vector<MapLayout>& maps) {
  const ProgramSpec* spec = find(kPrograms, name);
  if (spec == nullptr) {
    spec = find(kRawIpPrograms, name);
  }
  if (spec == nullptr) {
    spec = find(kVlanPrograms, name);
  }
  if (spec == nullptr) {
    return {};
  }
  std::optional<unsigned> numbered;
  for (const MapLayout& map : maps) {
    const auto abi = abi_in(map.name);
    numbered = abi ? abi : numbered;
  }
  const ProgramSpec* layout = !numbered                  ? find(kUnnumberedPrograms, name)
                              : *numbered == PROGRAM_ABI ? spec
                                                         : nullptr;  // the maps of other numbers are not known
  if (layout != nullptr) {
    const std::string why_not = difference(*layout, maps);
    if (!why_not.empty()) {
      return {0, nullptr, why_not};
    }
  }
  return {numbered.value_or(kUnnumberedAbi), spec, {}};
}

}  // namespace nicsentry
