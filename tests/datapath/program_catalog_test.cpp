// SPDX-License-Identifier: GPL-2.0-or-later
// Which program is nicsentry's, by its name and maps.
#include "host/datapath/program_catalog.h"

#include <linux/bpf.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

namespace nicsentry::testing {
namespace {

using Layouts = std::vector<MapLayout>;

MapLayout array(const char* name, std::uint32_t value_size) { return {name, BPF_MAP_TYPE_ARRAY, 4, value_size}; }

// The kernel's report on the objects of version 0.1.0.
Layouts unnumbered_ddos() {
  return {array("control", 56),
          array("sessions", 56),
          array("counters", 32),
          array("totals", 32),
          {"records", BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4}};
}

Layouts unnumbered_sentry() {
  Layouts maps = unnumbered_ddos();
  for (const MapLayout& map :
       {array("fw_control", 32), array("rule_banks", 48), array("interval_nodes", 56), array("rule_bits", 24),
        array("rule_actions", 12), array("set_addresses", 56), array("rule_counters", 16), array("answers", 8)}) {
    maps.push_back(map);
  }
  return maps;
}

Layouts layouts(const ProgramSpec& program, bool on_card) {
  Layouts maps;
  for (const MapSpec& map : program.maps) {
    if (map.on_card || !on_card) {
      maps.push_back(map.layout);
    }
  }
  return maps;
}

const ProgramSpec& sentry() { return *identify(kSentry, unnumbered_sentry()).spec; }

MapLayout& named(Layouts& maps, std::string_view name) {
  return *std::find_if(maps.begin(), maps.end(), [name](const MapLayout& map) { return map.name == name; });
}

TEST_CASE("a program of this build is known by the ABI number in the control map's name") {
  CHECK(std::string(map_name(MapRole::control)) == "nicsentry_abi" + std::to_string(program_abi()));
  for (const std::string_view name : {kSentry, kFirewallAlone}) {
    for (const bool on_card : {false, true}) {
      const Identity identity = identify(name, layouts(sentry(), on_card));
      CAPTURE(name, on_card, identity.why_not);
      CHECK(identity.abi == program_abi());
      CHECK(identity.adoptable());
      CHECK(identity.spec->name == name);
      CHECK(identity.spec->features.firewall);
    }
  }
  const ProgramSpec& ddos = *identify(kDdos, unnumbered_ddos()).spec;
  CHECK(identify(kDdos, layouts(ddos, true)).adoptable());
  CHECK_FALSE(ddos.features.firewall);
}

TEST_CASE("a build for packets without an Ethernet header has a name of its own and the maps of its program") {
  for (const std::string_view base : {kDdos, kCrypto, kSentry, kFirewallAlone}) {
    const ProgramSpec& plain =
        *identify(base, base == kDdos || base == kCrypto ? unnumbered_ddos() : unnumbered_sentry()).spec;
    const Identity identity = identify(std::string(base) + "_rawip", layouts(plain, false));
    CAPTURE(base, identity.why_not);
    REQUIRE(identity.adoptable());
    CHECK(identity.spec->base == base);
    CHECK(identity.spec->features.raw_ip);
    CHECK(identity.spec->features.firewall == plain.features.firewall);
    CHECK(plain.base == base);
    CHECK_FALSE(plain.features.raw_ip);
  }
  CHECK_FALSE(identify("sentry_rawi", layouts(sentry(), false)).ours());
}

TEST_CASE("the builds for a card that know VLANs are two, and have their program's maps") {
  const ProgramSpec& ddos = *identify(kDdos, unnumbered_ddos()).spec;
  for (const std::string_view base : {kDdos, kCrypto}) {
    const Identity identity = identify(std::string(base) + "_vlan", layouts(ddos, true));
    REQUIRE(identity.adoptable());
    CHECK(identity.spec->base == base);
    CHECK(identity.spec->features.card_vlans);
    CHECK_FALSE(identity.spec->features.firewall);
  }
  CHECK_FALSE(ddos.features.card_vlans);
  CHECK_FALSE(identify("sentry_vlan", layouts(sentry(), true)).ours());
}

TEST_CASE("a program without an ABI number counts as ABI 1 if it has the maps of version 0.1.0") {
  CHECK(identify(kDdos, unnumbered_ddos()).abi == 1);
  CHECK(identify(kCrypto, unnumbered_ddos()).abi == 1);
  CHECK(identify(kSentry, unnumbered_sentry()).abi == 1);
  CHECK(identify(kFirewallAlone, unnumbered_sentry()).abi == 1);
  Layouts on_card = unnumbered_sentry();
  on_card.pop_back();  // `answers`
  CHECK(identify(kSentry, on_card).abi == 1);
}

TEST_CASE("a program of another ABI is nicsentry's, whatever its other maps") {
  Layouts maps = layouts(sentry(), false);
  maps.push_back(array("one_more", 4));
  named(maps, "rule_bits").value_size = 40;
  named(maps, map_name(MapRole::control)).name = "nicsentry_abi99";
  const Identity identity = identify(kSentry, maps);
  CHECK(identity.abi == 99);
  CHECK(identity.ours());
  CHECK_FALSE(identity.adoptable());
}

void check_stranger(const Layouts& maps, const std::string& why) {
  const Identity identity = identify(kSentry, maps);
  CHECK(identity.abi == 0);
  CHECK_FALSE(identity.ours());
  CHECK(identity.spec == nullptr);
  CHECK(identity.why_not == why);
}

TEST_CASE("a program with a name of nicsentry's and other maps is a stranger") {
  Layouts maps = unnumbered_sentry();
  named(maps, "rule_bits").value_size = 16;
  check_stranger(maps, "its map 'rule_bits' has type 2, key 4, value 16; not type 2, key 4, value 24");
  maps = unnumbered_sentry();
  named(maps, "records").type = BPF_MAP_TYPE_RINGBUF;
  check_stranger(maps, "its map 'records' has type 27, key 4, value 4; not type 4, key 4, value 4");
  maps = unnumbered_sentry();
  named(maps, "totals").name = "total";  // as many maps as before
  check_stranger(maps, "it has no map 'totals'");
  maps = unnumbered_sentry();
  maps.push_back(array("one_more", 4));
  check_stranger(maps, "it has 1 more maps");
  maps = layouts(sentry(), false);
  named(maps, "sessions").value_size = 64;
  check_stranger(maps, "its map 'sessions' has type 2, key 4, value 64; not type 2, key 4, value 56");
}

TEST_CASE("an analyser may have maps of a user's function besides, a firewall may not") {
  Layouts maps = layouts(*identify(kDdos, unnumbered_ddos()).spec, false);
  maps.push_back(array("one_more", 4));
  CHECK(identify(kDdos, maps).adoptable());
  maps = layouts(sentry(), false);
  maps.push_back(array("one_more", 4));
  check_stranger(maps, "it has 1 more maps");
}

TEST_CASE("a map's name that only looks like one with an ABI number has none") {
  for (const char* name :
       {"nicsentry_abi", "nicsentry_abi0", "nicsentry_abi02", "nicsentry_abi2x", "nicsentry_abi-2"}) {
    Layouts maps = layouts(sentry(), false);
    named(maps, map_name(MapRole::control)).name = name;
    check_stranger(maps, "it has no map 'control'");
  }
}

TEST_CASE("a program with another name is a stranger without a reason") {
  const Identity identity = identify("xdp_filter", layouts(sentry(), false));
  CHECK_FALSE(identity.ours());
  CHECK(identity.why_not.empty());
}

}  // namespace
}  // namespace nicsentry::testing
