// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>

namespace nicsentry {

// Whether something stands at a path of the state directory, be it a file or not. Throws SystemError.
bool stands_at(const std::filesystem::path& path);

// The text of a file of the state directory. Throws Error that names the file: for one that cannot be read or is too
// large, for a symbolic link, a FIFO or what else is no regular file, and for one that others than this user and root
// may change.
std::string read_state_file(const std::filesystem::path& path);

}  // namespace nicsentry
