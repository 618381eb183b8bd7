// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "host/programs/lint/elf_object.h"
#include "host/programs/lint/program_image.h"
#include "host/programs/lint/type_information.h"

namespace nicsentry::lint {

// The maps that a loader makes of an object.
struct ObjectMaps {
  std::vector<MapDefinition> maps;
  std::map<std::pair<std::size_t, std::uint64_t>, std::size_t> at;  // section and offset: index in `maps`
  std::map<std::size_t, std::size_t> data_sections;                 // section: index of its map
};

// Throws Error where a definition cannot be read.
ObjectMaps read_maps(const ElfObject& object, const TypeInformation& types);

}  // namespace nicsentry::lint
