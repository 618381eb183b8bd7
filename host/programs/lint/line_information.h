// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "host/programs/lint/elf_object.h"
#include "host/programs/lint/program_image.h"
#include "host/programs/lint/type_information.h"

namespace nicsentry::lint {

// Source lines and functions by section and instruction within it, from the section .BTF.ext.
struct SectionInformation {
  std::map<std::size_t, SourceLine> lines;
  std::map<std::size_t, std::uint32_t> functions;  // type numbers
};

// Empty without such a section. Throws Error where it is damaged.
std::map<std::string, SectionInformation> read_line_information(const ElfObject& object, const TypeInformation& types);

}  // namespace nicsentry::lint
