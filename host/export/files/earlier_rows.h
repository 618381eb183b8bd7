// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "host/export/files/writer.h"

namespace nicsentry {

// The form that a growing file of an earlier run must have to be continued.
struct EarlierRows {
  std::string before_window;  // what a row begins with, before its window's number
  std::size_t fields = 0;     // of CSV; 0: a row is a line of JSON
  // Whether a first line, with its line end, is that of this version's file.
  std::function<bool(std::string_view first_line)> has_our_fields;
};

// CSV with this header, which ends with a line end.
EarlierRows csv_rows(std::string header);

// Makes a growing file of an earlier run ready to be continued, where the place asks for that. A file with other fields
// is moved aside: NAME.old-1, NAME.old-2 and so on. A row at the end that is not whole (its run was killed) is removed.
// Warns of either. Returns the number after the window of the last row; 0: there is none. Throws Error.
std::uint64_t continue_rows(const std::filesystem::path& path, const EarlierRows& rows, const OutputPlace& place);

// Returns the number after the highest in the names "...<before>NUMBER<after>" of a directory; 0: there is none.
std::uint64_t next_file_number(const std::filesystem::path& directory, std::string_view before, std::string_view after);

}  // namespace nicsentry
