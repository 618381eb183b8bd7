// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nicsentry {

enum class Alignment : std::uint8_t { left, right };

struct TableColumn {
  std::string title;
  Alignment alignment = Alignment::left;
  bool shrinks = false;  // to fit, its texts lose their middle, down to 15 characters
  bool stays = false;    // also where texts have to lose their middle
  bool sorted = false;   // the rows' order: left out last, but for the first column
};

// A line of titles and one a row, of at most `width` characters each. Columns behind those that shrink are left out,
// from the end; the sorted one stays. Where even those that shrink are too wide, they are shortened beside the columns
// that stay. Nothing without rows.
std::vector<std::string> table_lines(const std::vector<TableColumn>& columns,
                                     const std::vector<std::vector<std::string>>& rows, std::size_t width);

}  // namespace nicsentry
