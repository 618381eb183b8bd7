// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/table_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string_view>

namespace nicsentry {
namespace {

using Widths = std::vector<std::size_t>;

constexpr std::string_view gap = "  ";
// A narrower address has no meaning any more: then columns are left out instead.
constexpr std::size_t min_shrunk_width = 15;

// By their numbers, in the order in which they stand.
using Indexes = std::vector<std::size_t>;

std::size_t line_width(const Widths& widths, const Indexes& visible) {
  std::size_t width = visible.empty() ? 0 : (visible.size() - 1) * gap.size();
  for (const std::size_t column : visible) width += widths[column];
  return width;
}

// Shortens a text and keeps both ends: the network and the port of an address.
std::string shortened(const std::string& text, std::size_t width) {
  constexpr std::string_view mark = "..";
  if (text.size() <= width) return text;
  if (width <= mark.size()) return text.substr(0, width);
  const std::size_t tail = (width - mark.size()) / 2;
  return text.substr(0, width - mark.size() - tail).append(mark) + text.substr(text.size() - tail);
}

// Shrinks columns until a row of those that are visible fits into `width`, the widest first.
void shrink(const std::vector<TableColumn>& columns, Widths& widths, const Indexes& visible, std::size_t width) {
  while (line_width(widths, visible) > width) {
    std::size_t* widest = nullptr;
    for (const std::size_t index : visible) {
      if (columns[index].shrinks && (widest == nullptr || widths[index] > *widest)) widest = &widths[index];
    }
    if (widest == nullptr || *widest <= min_shrunk_width) return;
    --*widest;
  }
}

// How many columns there are up to the last one that is of this kind, the first one at least.
template <typename IsOfKind>
std::size_t count_up_to_last(const std::vector<TableColumn>& columns, IsOfKind is_of_kind) {
  const auto last = std::find_if(columns.rbegin(), columns.rend(), is_of_kind);
  return std::max<std::size_t>(static_cast<std::size_t>(columns.rend() - last), 1);
}

// Leaves columns out from the end until a row fits into `width`: none before `first`, the sorted one last.
void leave_out(const std::vector<TableColumn>& columns, const Widths& widths, Indexes& visible, std::size_t first,
               std::size_t width) {
  while (line_width(widths, visible) > width) {
    const auto out = std::find_if(visible.rbegin(), visible.rend(),
                                  [&](std::size_t index) { return index >= first && !columns[index].sorted; });
    if (out == visible.rend()) return;
    visible.erase(std::next(out).base());
  }
}

// Returns the columns that are visible. Shrinks them where they would not fit.
Indexes fit(const std::vector<TableColumn>& columns, Widths& widths, std::size_t width) {
  Indexes visible(columns.size());
  std::iota(visible.begin(), visible.end(), 0);
  const std::size_t whole = count_up_to_last(columns, [](const TableColumn& one) { return one.shrinks; });
  leave_out(columns, widths, visible, whole, width);
  if (line_width(widths, visible) <= width) return visible;
  const std::size_t staying =
      count_up_to_last(columns, [](const TableColumn& one) { return one.shrinks || one.stays; });
  visible.resize(columns.size());
  std::iota(visible.begin(), visible.end(), 0);
  std::erase_if(visible, [&](std::size_t index) { return index >= staying && !columns[index].sorted; });
  shrink(columns, widths, visible, width);
  leave_out(columns, widths, visible, 1, width);
  if (line_width(widths, visible) > width) visible.resize(1);
  return visible;
}

std::string row_line(const std::vector<std::string>& cells, const std::vector<TableColumn>& columns,
                     const Widths& widths, const Indexes& visible) {
  std::string line;
  for (const std::size_t index : visible) {
    const std::string cell = shortened(cells[index], widths[index]);
    if (index != visible.front()) line += gap;
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
  const Indexes visible = fit(columns, widths, width);

  std::vector<std::string> lines{row_line(titles, columns, widths, visible)};
  for (const auto& cells : rows) lines.push_back(row_line(cells, columns, widths, visible));
  for (std::string& line : lines) line.resize(std::min(line.size(), width));
  return lines;
}

}  // namespace nicsentry
