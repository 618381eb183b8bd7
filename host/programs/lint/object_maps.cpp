// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/object_maps.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "host/base/error.h"

namespace nicsentry::lint {
namespace {

// The value of a member written with __uint(): a pointer to an array of that many elements.
std::uint32_t number_in(const TypeInformation& types, const TypeInformation::Member& member, const std::string& map) {
  const auto target = types.target_of(member.type);
  const auto elements = target ? types.elements_of(*target) : std::nullopt;
  if (!elements) {
    throw Error("map '" + map + "': '" + member.name + "' is not a number written with __uint()");
  }
  return *elements;
}

// The size of a type written with __type(): a pointer to it.
std::uint32_t bytes_in(const TypeInformation& types, const TypeInformation::Member& member, const std::string& map) {
  const auto target = types.target_of(member.type);
  const auto bytes = target ? types.bytes_of(*target) : std::nullopt;
  if (!bytes) {
    throw Error("map '" + map + "': '" + member.name + "' is not a type with a size");
  }
  return *bytes;
}

MapDefinition described(const TypeInformation& types, const TypeInformation::Variable& variable) {
  MapDefinition map;
  map.name = variable.name;
  for (const auto& member : types.members_of(variable.type)) {
    if (member.name == "type") {
      map.type = number_in(types, member, map.name);
    } else if (member.name == "max_entries") {
      map.max_entries = number_in(types, member, map.name);
    } else if (member.name == "map_flags") {
      map.flags = number_in(types, member, map.name);
    } else if (member.name == "numa_node") {
      map.numa_node = number_in(types, member, map.name);
    } else if (member.name == "key_size") {
      map.key_bytes = number_in(types, member, map.name);
    } else if (member.name == "value_size") {
      map.value_bytes = number_in(types, member, map.name);
    } else if (member.name == "key") {
      map.key_bytes = bytes_in(types, member, map.name);
    } else if (member.name == "value") {
      map.value_bytes = bytes_in(types, member, map.name);
    }
  }
  return map;
}

void add_described_maps(const ElfObject& object, const TypeInformation& types, ObjectMaps& found) {
  const std::size_t section = object.number_of(".maps");
  if (section == 0) {
    return;
  }
  if (types.empty()) {
    throw Error("its maps are in section .maps, but it has no type information (compile with -g)");
  }
  for (const auto& variable : types.variables_of(".maps")) {
    const auto symbol = std::find_if(object.symbols().begin(), object.symbols().end(), [&](const auto& candidate) {
      return candidate.section == section && candidate.name == variable.name;
    });
    if (symbol == object.symbols().end()) {
      throw Error("map '" + variable.name + "' has no symbol");
    }
    found.at[{section, symbol->value}] = found.maps.size();
    found.maps.push_back(described(types, variable));
  }
}

// The definitions of before BTF: type, key size, value size, elements, flags, as 32-bit words.
void add_legacy_maps(const ElfObject& object, ObjectMaps& found) {
  const std::size_t section = object.number_of("maps");
  if (section == 0) {
    return;
  }
  const auto& bytes = object.sections()[section].bytes;
  for (const auto& symbol : object.symbols()) {
    if (symbol.section != section || symbol.type == STT_SECTION) {
      continue;
    }
    std::uint32_t words[5] = {};
    if (symbol.value > bytes.size() || bytes.size() - symbol.value < sizeof(words) - sizeof(words[0])) {
      throw Error("map '" + symbol.name + "' goes beyond its section");
    }
    std::memcpy(words, bytes.data() + symbol.value, std::min(sizeof(words), bytes.size() - symbol.value));
    MapDefinition map;
    map.name = symbol.name;
    map.type = words[0];
    map.key_bytes = words[1];
    map.value_bytes = words[2];
    map.max_entries = words[3];
    map.flags = words[4];
    map.legacy = true;
    found.at[{section, symbol.value}] = found.maps.size();
    found.maps.push_back(map);
  }
}

bool holds_global_data(const ElfObject::Section& section) {
  const auto& name = section.name;
  return section.size != 0 && (name == ".data" || name == ".bss" || name == ".rodata" || name.starts_with(".data.") ||
                               name.starts_with(".rodata.") || name.starts_with(".bss."));
}

void add_data_sections(const ElfObject& object, ObjectMaps& found) {
  for (std::size_t i = 1; i < object.sections().size(); ++i) {
    const auto& section = object.sections()[i];
    if (!holds_global_data(section)) {
      continue;
    }
    MapDefinition map;
    map.name = section.name;
    map.type = BPF_MAP_TYPE_ARRAY;
    map.key_bytes = 4;
    map.value_bytes = static_cast<std::uint32_t>(section.size);
    map.max_entries = 1;
    map.flags = BPF_F_MMAPABLE;
    map.global_data = true;
    found.data_sections[i] = found.maps.size();
    found.maps.push_back(map);
  }
}

}  // namespace

ObjectMaps read_maps(const ElfObject& object, const TypeInformation& types) {
  ObjectMaps found;
  add_described_maps(object, types, found);
  add_legacy_maps(object, found);
  add_data_sections(object, found);
  return found;
}

}  // namespace nicsentry::lint
