// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/map_rules.h"

#include <linux/bpf.h>

#include <string>

namespace nicsentry::lint {
namespace {

constexpr std::uint32_t kIndexBytes = 4;

std::uint64_t rounded(std::uint64_t bytes) { return (bytes + 7) / 8 * 8; }

class MapChecks {
 public:
  explicit MapChecks(const Firmware& firmware) : firmware_(firmware), left_(firmware.max_elements) {}

  void check(const MapDefinition& map) {
    map_ = &map;
    if (map.legacy) {
      add(Rule::object, "legacy map definitions in 'maps' section are not supported by libbpf v1.0+",
          "a definition with BTF: struct { __uint(type, ...); ... } " + map.name + " SEC(\".maps\")");
    }
    if (map.global_data) {
      add(Rule::global_data, "map flags are not supported",
          "constants at compile time, or words of a map that the host writes");
      return;
    }
    if (!check_shape()) {
      return;
    }
    if (map.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
      return;  // the host's
    }
    check_device();
  }

  std::vector<Finding> findings;

 private:
  void add(Rule rule, const std::string& driver_says, const std::string& way_out) {
    findings.push_back({rule, std::nullopt, "map '" + map_->name + "': " + driver_says, way_out});
  }

  // The kernel's checks of any map of this type.
  bool check_shape() {
    const bool offloaded = map_->type == BPF_MAP_TYPE_ARRAY || map_->type == BPF_MAP_TYPE_HASH;
    const bool events = map_->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
    if (!offloaded && !events) {
      add(Rule::map_types, "failed to create: Invalid argument(-22)",
          "an array or a hash table; instead of per-CPU values the card has atomic additions, instead of LRU the host "
          "removes elements");
      return false;
    }
    if (map_->type != BPF_MAP_TYPE_HASH && map_->key_bytes != kIndexBytes) {
      add(Rule::map_sizes, "failed to create: Invalid argument(-22)", "a key of 4 bytes, the index");
      return false;
    }
    if (events) {
      if (map_->value_bytes != kIndexBytes || map_->flags != 0) {
        add(Rule::map_sizes, "failed to create: Invalid argument(-22)", "a value of 4 bytes and no flags");
        return false;
      }
      return true;
    }
    if (map_->key_bytes == 0 || map_->value_bytes == 0 || map_->max_entries == 0) {
      add(Rule::map_sizes, "failed to create: Invalid argument(-22)", "a key, a value and at least one element");
      return false;
    }
    return true;
  }

  void check_device() {
    if (map_->flags != 0) {
      add(Rule::map_flags, "map flags are not supported", "no map_flags");
    } else if ((firmware_.map_types & 1U << map_->type) == 0) {
      add(Rule::map_types, "map type not supported", "a type that this firmware has");
    } else if (count_ == firmware_.max_maps) {
      add(Rule::map_count, "too many maps for a device",
          "at most " + std::to_string(firmware_.max_maps) + " maps: put values into one map, told apart by the key");
    } else if (left_ < map_->max_entries) {
      add(Rule::map_elements,
          "map with too many elements: " + std::to_string(map_->max_entries) + ", left: " + std::to_string(left_),
          "fewer elements: all maps together have " + std::to_string(firmware_.max_elements));
    } else if (!check_sizes()) {
      return;
    }
    ++count_;
    left_ -= map_->max_entries <= left_ ? map_->max_entries : 0;
  }

  bool check_sizes() {
    const std::uint64_t element = rounded(map_->key_bytes) + rounded(map_->value_bytes);
    if (element > firmware_.max_element_bytes) {
      add(Rule::map_sizes,
          "map elements too large: " + std::to_string(element) +
              ", FW max element size (key+value): " + std::to_string(firmware_.max_element_bytes),
          "smaller elements, or two maps with the same key");
    } else if (map_->key_bytes > firmware_.max_key_bytes) {
      add(Rule::map_sizes,
          "map key size " + std::to_string(map_->key_bytes) + ", FW max is " + std::to_string(firmware_.max_key_bytes),
          "a shorter key: a hash of it, with the key in the value");
    } else if (map_->value_bytes > firmware_.max_value_bytes) {
      add(Rule::map_sizes,
          "map value size " + std::to_string(map_->value_bytes) + ", FW max is " +
              std::to_string(firmware_.max_value_bytes),
          "two maps with the same key");
    } else {
      return true;
    }
    return false;
  }

  const Firmware& firmware_;
  const MapDefinition* map_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t left_;
};

}  // namespace

std::vector<Finding> check_maps(const ProgramImage& program, const Firmware& firmware) {
  MapChecks checks(firmware);
  for (const MapDefinition& map : program.maps) {
    checks.check(map);
  }
  return std::move(checks.findings);
}

}  // namespace nicsentry::lint
