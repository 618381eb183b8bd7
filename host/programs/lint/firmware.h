// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nicsentry::lint {

// The offer of a card's firmware to programs. The names are those of hw/firmware/*.conf.
struct Firmware {
  std::string name;
  std::uint32_t app_id = 2;  // 2: the driver offloads programs; any other: it does not
  bool map_lookup = false;
  bool map_update = false;
  bool map_delete = false;
  bool perf_event_output = false;
  bool random = false;
  bool queue_select = false;
  bool adjust_tail = false;
  bool adjust_head = false;
  std::uint32_t adjust_head_flags = 0;  // bit 0: no metadata has to be moved
  std::int32_t adjust_head_off_min = 0;
  std::int32_t adjust_head_off_max = 0;
  std::int32_t adjust_head_sub = 0;  // bytes that a packet can always grow by
  std::int32_t adjust_head_add = 0;  // bytes that can always be taken off
  std::uint32_t map_types = 0;       // a bit for each type
  std::uint32_t max_maps = 0;
  std::uint32_t max_elements = 0;
  std::uint32_t max_key_bytes = 0;
  std::uint32_t max_value_bytes = 0;
  std::uint32_t max_element_bytes = 0;
  std::uint32_t program_max = 0;  // NFP instructions
  std::uint32_t stack_bytes = 0;
  std::uint32_t inline_mtu = 0;  // bytes of a packet that a program can reach
};

// A profile of that name ("agilio-bpf", "corenic", "nic"), or a file in the format of hw/firmware/*.conf if the name
// has a '/' or ends in ".conf". Throws Error that says what is wrong and what may stand there.
Firmware find_firmware(const std::string& name_or_file);

// The profile of the firmware that a port's driver names: `version` is what `ethtool -i` prints. Nothing for one that
// is none of the profiles, or that offloads nothing.
std::optional<std::string> firmware_of(std::string_view version);

// Reads the text of such a file; `origin` names it in errors. Throws Error.
Firmware parse_firmware(std::string_view text, const std::string& origin);

std::vector<std::string> firmware_names();

}  // namespace nicsentry::lint
