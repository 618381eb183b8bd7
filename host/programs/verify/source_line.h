// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "host/datapath/user_object.h"
#include "host/programs/dialect/dialect.h"
#include "host/programs/lint/program_image.h"

namespace nicsentry::programs {

// A line as messages call it: without "./" in front of its file, and with the text of the user's own file, which an
// object has not where the compiler read it from its standard input.
lint::SourceLine told_line(const lint::SourceLine& line, const SourceText& source);

// "file.c:12: the line's text" of an instruction; empty where the object does not say it. Throws Error for an object
// whose lines cannot be read.
std::string source_line(const UserObject& object, const SourceText& source, std::size_t instruction);

}  // namespace nicsentry::programs
