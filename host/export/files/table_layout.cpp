// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/table_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string_view>

namespace nicsentry {
namespace {

using Widths = std::vector<std::size_t>;

constexpr std::string_view gap = "  ";
// A narrower address has no meaning any more: then columns are left out instead.
constexpr std::size_t min_shrunk_width = 15;

std::size_t line_width(const Widths& widths, std::size_t columns) {
  const auto end = widths.begin() + static_cast<std::ptrdiff_t>(columns);
  return std::accumulate(widths.begin(), end, (columns - 1) * gap.size());
}

// Shortens a text and keeps both ends: the network and the port of an address.
std::string shortened(const std::string& text, std::size_t width) {
  constexpr std::string_view mark = "..";
  if (text.size() <= width) return text;
  if (width <= mark.size()) return text.substr(0, width);
  const std::size_t tail = (width - mark.size()) / 2;
  return text.substr(0, width - mark.size() - tail).append(mark) + text.substr(text.size() - tail);
}

// Shrinks columns until a row of the first `count` fits into `width`, the widest first.
void shrink(const std::vector<TableColumn>& columns, Widths& widths, std::size_t count, std::size_t width) {
  while (line_width(widths, count) > width) {
    std::size_t* widest = nullptr;
    for (std::size_t index = 0; index < count; ++index) {
      if (columns[index].shrinks && (widest == nullptr || widths[index] > *widest)) widest = &widths[index];
    }
    if (widest == nullptr || *widest <= min_shrunk_width) return;
    --*widest;
  }
}

// How many columns there are up to the last one that is of this kind.
template <typename IsOfKind>
std::size_t count_up_to_last(const std::vector<TableColumn>& columns, IsOfKind is_of_kind) {
  const auto last = std::find_if(columns.rbegin(), columns.rend(), is_of_kind);
  return static_cast<std::size_t>(columns.rend() - last);
}

// How many columns are shown. Shrinks them where they would not fit.
std::size_t fit(const std::vector<TableColumn>& columns, Widths& widths, std::size_t width) {
  const std::size_t shrinking = count_up_to_last(columns, [](const TableColumn& one) { return one.shrinks; });
  std::size_t count = widths.size();
  while (count > std::max<std::size_t>(shrinking, 1) && line_width(widths, count) > width) --count;
  if (line_width(widths, count) <= width) return count;
  count = count_up_to_last(columns, [](const TableColumn& one) { return one.shrinks || one.stays; });
  count = std::max<std::size_t>(count, 1);
  shrink(columns, widths, count, width);
  while (count > 1 && line_width(widths, count) > width) --count;
  return count;
}

std::string row_line(const std::vector<std::string>& cells, const std::vector<TableColumn>& columns,
                     const Widths& widths, std::size_t count) {
  std::string line;
  for (std::size_t index = 0; index < count; ++index) {
    const std::string cell = shortened(cells[index], widths[index]);
    if (index != 0) line += gap;
    line += columns[index].alignment == Alignment::right ? fmt::format("{:>{}}", cell, widths[index])
                                                         : fmt::format("{:<{}}", cell, widths[index]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

std::vector<std::string> table_lines(const std::vector<TableColumn>& columns,
                                     const std::vector<std::vector<std::string>>& rows, std::size_t width) {
  if (rows.empty()) return {};
  std::vector<std::string> titles;
  Widths widths;
  for (std::size_t index = 0; index < columns.size(); ++index) {
    titles.push_back(columns[index].title);
    std::size_t longest = titles.back().size();
    for (const auto& cells : rows) longest = std::max(longest, cells[index].size());
    widths.push_back(longest);
  }
  const std::size_t count = fit(columns, widths, width);

  std::vector<std::string> lines{row_line(titles, columns, widths, count)};
  for (const auto& cells : rows) lines.push_back(row_line(cells, columns, widths, count));
  for (std::string& line : lines) line.resize(std::min(line.size(), width));
  return lines;
}

}  // namespace nicsentry
