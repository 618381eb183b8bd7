// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>

#include "host/programs/lint/program_image.h"

namespace nicsentry::lint {

// Reads the first program of a section and links the functions that it calls behind it, as libbpf does. Throws Error
// that names the file and says what is wrong: no such section, a damaged object.
ProgramImage read_program(const std::filesystem::path& object, const std::string& section);

}  // namespace nicsentry::lint
