// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/firmware.h"

#include <linux/bpf.h>

#include <charconv>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "host/base/error.h"
#include "host/base/text_reading.h"

namespace nicsentry::lint {
namespace {

constexpr std::uint32_t kBpfApp = 2;  // app_id

// The eBPF firmware's table; its sources are in hw/firmware/agilio-bpf.conf.
Firmware agilio_bpf() {
  Firmware firmware;
  firmware.name = "bpf-2.0.6.124";
  firmware.map_lookup = true;
  firmware.perf_event_output = true;
  firmware.random = true;
  firmware.queue_select = true;
  firmware.adjust_tail = true;
  firmware.adjust_head = true;
  firmware.adjust_head_flags = 1;
  firmware.adjust_head_off_min = 44;
  firmware.adjust_head_off_max = 248;
  firmware.adjust_head_sub = 84;
  firmware.adjust_head_add = 112;
  firmware.map_types = 1U << BPF_MAP_TYPE_HASH | 1U << BPF_MAP_TYPE_ARRAY;
  firmware.max_maps = 128;
  firmware.max_elements = 3'072'000;
  firmware.max_key_bytes = 56;
  firmware.max_value_bytes = 56;
  firmware.max_element_bytes = 64;
  firmware.program_max = 2560;
  firmware.stack_bytes = 512;
  firmware.inline_mtu = 1888;
  return firmware;
}

Firmware corenic() {
  Firmware firmware = agilio_bpf();
  firmware.name = "nic-2.1.16";
  firmware.perf_event_output = false;
  firmware.max_elements = 4'194'304;
  return firmware;
}

Firmware nic() {
  Firmware firmware = corenic();
  firmware.app_id = 1;
  return firmware;
}

const std::map<std::string, Firmware (*)(), std::less<>> kProfiles{
    {"agilio-bpf", agilio_bpf}, {"corenic", corenic}, {"nic", nic}};

using Setting = std::function<void(Firmware&, std::int64_t)>;

template <typename Member>
Setting number(Member Firmware::*member) {
  return [member](Firmware& firmware, std::int64_t value) { firmware.*member = static_cast<Member>(value); };
}

// 0: not offered; else a place in the firmware's code, or 1.
Setting offered(bool Firmware::*member) {
  return [member](Firmware& firmware, std::int64_t value) { firmware.*member = value != 0; };
}

Setting ignored() {
  return [](Firmware&, std::int64_t) {};
}

const std::map<std::string, Setting, std::less<>>& settings() {
  static const std::map<std::string, Setting, std::less<>> all{
      {"app_id", number(&Firmware::app_id)},
      {"map_lookup", offered(&Firmware::map_lookup)},
      {"map_update", offered(&Firmware::map_update)},
      {"map_delete", offered(&Firmware::map_delete)},
      {"perf_event_output", offered(&Firmware::perf_event_output)},
      {"random", offered(&Firmware::random)},
      {"queue_select", offered(&Firmware::queue_select)},
      {"adjust_tail", offered(&Firmware::adjust_tail)},
      {"adjust_head", offered(&Firmware::adjust_head)},
      {"adjust_head_flags", number(&Firmware::adjust_head_flags)},
      {"adjust_head_off_min", number(&Firmware::adjust_head_off_min)},
      {"adjust_head_off_max", number(&Firmware::adjust_head_off_max)},
      {"adjust_head_sub", number(&Firmware::adjust_head_sub)},
      {"adjust_head_add", number(&Firmware::adjust_head_add)},
      {"max_maps", number(&Firmware::max_maps)},
      {"max_elements", number(&Firmware::max_elements)},
      {"max_key_bytes", number(&Firmware::max_key_bytes)},
      {"max_value_bytes", number(&Firmware::max_value_bytes)},
      {"max_element_bytes", number(&Firmware::max_element_bytes)},
      {"program_max", number(&Firmware::program_max)},
      {"stack_bytes", number(&Firmware::stack_bytes)},
      {"inline_mtu", number(&Firmware::inline_mtu)},
      // They do not decide whether a program is taken.
      {"abi_version", ignored()},
      {"multi_entry", ignored()},
      {"live_reload", ignored()},
      {"array_filled", ignored()},
      {"events_on_data_queues", ignored()},
      {"event_max_bytes", ignored()},
  };
  return all;
}

// A line of a firmware file.
struct Place {
  const std::string& file;
  std::size_t line;
  std::string where() const { return file + ":" + std::to_string(line) + ": "; }
};

std::uint32_t parse_map_types(const std::string& text, const Place& at) {
  std::uint32_t types = 0;
  std::istringstream names(text);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "hash") {
      types |= 1U << BPF_MAP_TYPE_HASH;
    } else if (name == "array") {
      types |= 1U << BPF_MAP_TYPE_ARRAY;
    } else {
      throw Error(at.where() + "unknown map type '" + name + "'; only hash and array are allowed");
    }
  }
  return types;
}

std::int64_t parse_number(std::string_view text, const Place& at) {
  const bool hexadecimal = text.starts_with("0x");
  const std::string_view digits = hexadecimal ? text.substr(2) : text;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 0 || value > UINT32_MAX) {
    throw Error(at.where() + "'" + std::string(text) + "' is not a number from 0 to 4294967295");
  }
  return value;
}

}  // namespace

std::vector<std::string> firmware_names() {
  std::vector<std::string> names;
  names.reserve(kProfiles.size());
  for (const auto& [name, profile] : kProfiles) {
    names.push_back(name);
  }
  return names;
}

std::optional<std::string> firmware_of(std::string_view version) {
  for (const auto& [name, profile] : kProfiles) {
    const Firmware firmware = profile();
    const std::string word = " " + firmware.name + " ";
    if (firmware.app_id == kBpfApp && (std::string(version) + " ").find(word) != std::string::npos) {
      return name;
    }
  }
  return std::nullopt;
}

Firmware parse_firmware(std::string_view text, const std::string& origin) {
  Firmware firmware;
  bool named = false;
  std::istringstream lines{std::string(text)};
  std::size_t line_number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++line_number;
    const Place at{origin, line_number};
    std::istringstream words(line.substr(0, line.find('#')));
    std::string key;
    std::string value;
    if (!(words >> key)) {
      continue;
    }
    if (!(words >> value)) {
      throw Error(at.where() + "'" + key + "' has no value");
    }
    if (key == "name") {
      firmware.name = value;
      named = true;
    } else if (key == "map_types") {
      firmware.map_types = parse_map_types(value, at);
    } else if (const auto found = settings().find(key); found != settings().end()) {
      found->second(firmware, parse_number(value, at));
    } else {
      throw Error(at.where() + "unknown setting '" + key + "'; hw/firmware/agilio-bpf.conf explains those that exist");
    }
  }
  if (!named) {
    throw Error(origin + ": no setting 'name': this is not a firmware file");
  }
  return firmware;
}

Firmware find_firmware(const std::string& name_or_file) {
  if (name_or_file.find('/') == std::string::npos && !name_or_file.ends_with(".conf")) {
    const auto profile = kProfiles.find(name_or_file);
    if (profile == kProfiles.end()) {
      std::string names;
      for (const std::string& name : firmware_names()) {
        names += (names.empty() ? "" : ", ") + name;
      }
      throw Error("unknown firmware '" + name_or_file + "'; known are " + names + ", and files that end in .conf");
    }
    return profile->second();
  }
  std::ifstream file(name_or_file);
  if (!file) {
    throw Error("cannot open the firmware file " + name_or_file);
  }
  return parse_firmware(read_text(file, name_or_file), name_or_file);
}

}  // namespace nicsentry::lint
