// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>

#include "host/export/files/retention.h"

namespace nicsentry {

const char* suffix_of(Compression compression);  // ".gz", ".zst"; none: ""

// Writes the compressed content of a file beside it, under its name and the suffix, and removes the file. Calls `room`
// before bytes are written; it may throw. Returns the new path. Throws Error, and leaves the file as it was.
std::filesystem::path compress_in_place(const std::filesystem::path& path, Compression compression,
                                        const std::function<void(std::size_t)>& room);

}  // namespace nicsentry
