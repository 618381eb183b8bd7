// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/map_rules.h"

#include <catch2/catch.hpp>
#include <functional>

#include "tests/programs/lint/assembly.h"

namespace nicsentry::lint {
namespace {

using namespace assembly;

std::string said_of_map(const MapDefinition& map, const std::string& firmware = "agilio-bpf") {
  const std::vector<Finding> findings = check_maps(program(pass(), {map}), find_firmware(firmware));
  return findings.empty() ? "" : findings.front().driver_says;
}

MapDefinition changed(const std::function<void(MapDefinition&)>& change) {
  MapDefinition map = array();
  change(map);
  return map;
}

TEST_CASE("each rule of maps has the driver's words") {
  const std::string invalid = "map 'values': failed to create: Invalid argument(-22)";
  const std::vector<std::pair<MapDefinition, std::string>> rows{
      {array(), ""},
      {events(), ""},
      {changed([](MapDefinition& m) { m.type = BPF_MAP_TYPE_HASH, m.key_bytes = 8; }), ""},
      {changed([](MapDefinition& m) { m.type = BPF_MAP_TYPE_PERCPU_ARRAY; }), invalid},
      {changed([](MapDefinition& m) { m.type = BPF_MAP_TYPE_LRU_HASH; }), invalid},
      {changed([](MapDefinition& m) { m.key_bytes = 8; }), invalid},
      {changed([](MapDefinition& m) { m.value_bytes = 0; }), invalid},
      {changed([](MapDefinition& m) { m.max_entries = 0; }), invalid},
      {changed([](MapDefinition& m) { m.flags = BPF_F_NO_PREALLOC; }), "map 'values': map flags are not supported"},
      {changed([](MapDefinition& m) { m.numa_node = 0; }), ""},  // the kernel ignores it without its flag
      {changed([](MapDefinition& m) { m.value_bytes = 56; }), ""},
      {changed([](MapDefinition& m) { m.value_bytes = 57; }),
       "map 'values': map elements too large: 72, FW max element size (key+value): 64"},
      {changed([](MapDefinition& m) { m.max_entries = 3'072'000; }), ""},
      {changed([](MapDefinition& m) { m.max_entries = 3'072'001; }),
       "map 'values': map with too many elements: 3072001, left: 3072000"},
      {changed([](MapDefinition& m) { m.global_data = true, m.name = ".rodata"; }),
       "map '.rodata': map flags are not supported"},
      {changed([](MapDefinition& m) { m.legacy = true; }),
       "map 'values': legacy map definitions in 'maps' section are not supported by libbpf v1.0+"},
  };
  for (const auto& [map, expected] : rows) {
    CHECK(said_of_map(map) == expected);
  }
}

TEST_CASE("elements and numbers of maps add up over the object; the host's do not count") {
  MapDefinition half = array();
  half.max_entries = 1'536'000;
  const Firmware firmware = find_firmware("agilio-bpf");
  CHECK(check_maps(program(pass(), {half, events(), half}), firmware).empty());
  const auto findings = check_maps(program(pass(), {half, half, array()}), firmware);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].driver_says == "map 'values': map with too many elements: 8, left: 0");
  CHECK(check_maps(program(pass(), std::vector<MapDefinition>(128, array())), firmware).empty());
  CHECK(check_maps(program(pass(), std::vector<MapDefinition>(129, array())), firmware).size() == 1);
}

TEST_CASE("a firmware has limits of its own") {
  MapDefinition large = array();
  large.max_entries = 4'000'000;
  CHECK(said_of_map(large) != "");
  CHECK(said_of_map(large, "corenic") == "");
}

}  // namespace
}  // namespace nicsentry::lint
