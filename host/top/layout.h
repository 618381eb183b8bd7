// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/top/view.h"

namespace nicsentry::top {

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t lines = 24;
};
inline constexpr ScreenSize kLeastSize{80, 24};

enum class Style : std::uint8_t { plain, title, heading, alert, selected, dim, error };

struct Line {
  std::string text;  // ASCII's printable characters; at most as wide as the screen
  Style style = Style::plain;
};

// A whole screen, and what View::fit() takes.
struct Frame {
  std::vector<Line> lines;  // as many as the screen has
  std::size_t page = 0;
  std::size_t scroll_end = 0;
  std::optional<std::pair<std::size_t, std::size_t>> cursor;  // line and column; none: it is hidden
};

// What is wrong, a sentence each, the worst first.
std::vector<std::string> alerts(const View& view);

// A bar of `width` characters: a character for a part of the minute, by its largest value; ' ' is none, '@' the
// largest of all.
std::string history_bar(const std::vector<Second>& seconds, std::size_t width);

Frame lay_out(const View& view, ScreenSize size);

}  // namespace nicsentry::top
