// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/firmware.h"

#include <catch2/catch.hpp>
#include <string>
#include <tuple>

#include "host/base/error.h"

namespace nicsentry::lint {
namespace {

auto all_of(const Firmware& f) {
  return std::tuple(f.name, f.app_id, f.map_lookup, f.map_update, f.map_delete, f.perf_event_output, f.random,
                    f.queue_select, f.adjust_tail, f.adjust_head, f.adjust_head_flags, f.adjust_head_off_min,
                    f.adjust_head_off_max, f.adjust_head_sub, f.adjust_head_add, f.map_types, f.max_maps,
                    f.max_elements, f.max_key_bytes, f.max_value_bytes, f.max_element_bytes, f.program_max,
                    f.stack_bytes, f.inline_mtu);
}

TEST_CASE("each profile equals the virtual card's firmware of that name") {
  REQUIRE(firmware_names() == std::vector<std::string>{"agilio-bpf", "corenic", "nic"});
  for (const std::string& name : firmware_names()) {
    INFO(name);
    const Firmware file = find_firmware(std::string(FIRMWARE_DIR) + "/" + name + ".conf");
    CHECK((all_of(find_firmware(name)) == all_of(file)));
  }
}

TEST_CASE("a wrong firmware file is refused with the line and what may stand there") {
  const auto refused = [](const std::string& text) {
    try {
      parse_firmware(text, "card.conf");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(refused("name x\nprogram_max many\n") == "card.conf:2: 'many' is not a number from 0 to 4294967295");
  CHECK(refused("name x\nprogram_max\n") == "card.conf:2: 'program_max' has no value");
  CHECK(refused("name x\nmap_types hash,lru\n") ==
        "card.conf:2: unknown map type 'lru'; only hash and array are allowed");
  CHECK(refused("name x\nprogram_min 3\n") ==
        "card.conf:2: unknown setting 'program_min'; hw/firmware/agilio-bpf.conf explains those that exist");
  CHECK(refused("# nothing\n") == "card.conf: no setting 'name': this is not a firmware file");
  CHECK(refused("name x # a remark\nmap_lookup 0x47d\n") == "accepted");
}

TEST_CASE("a port's firmware is known by the version that its driver names") {
  CHECK(firmware_of("0.0.3.5 0.25 bpf-2.0.6.124 ebpf") == "agilio-bpf");
  CHECK(firmware_of("0.0.3.5 0.25 nic-2.1.16 ebpf") == "corenic");
  CHECK_FALSE(firmware_of("0.0.3.5 0.25 bpf-2.0.6.1244 ebpf"));
  CHECK_FALSE(firmware_of("0.0.3.5 0.25 test-short-programs"));
  CHECK_FALSE(firmware_of(""));
}

TEST_CASE("an unknown profile is refused with those that exist") {
  CHECK_THROWS_WITH(find_firmware("newest"),
                    "unknown firmware 'newest'; known are agilio-bpf, corenic, nic, and files "
                    "that end in .conf");
  CHECK_THROWS_WITH(find_firmware("/nowhere/card.conf"), "cannot open the firmware file /nowhere/card.conf");
}

}  // namespace
}  // namespace nicsentry::lint
