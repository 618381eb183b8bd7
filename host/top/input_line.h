// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace nicsentry::top {

// A line of text that is written, with a cursor.
class InputLine {
 public:
  InputLine() = default;
  explicit InputLine(std::string text) : text_(std::move(text)), cursor_(text_.size()) {}

  const std::string& text() const { return text_; }
  std::size_t cursor() const { return cursor_; }

  void insert(char character);
  void remove_before();
  void remove_at();
  void left() { cursor_ -= cursor_ == 0 ? 0 : 1; }
  void right() { cursor_ += cursor_ == text_.size() ? 0 : 1; }
  void home() { cursor_ = 0; }
  void end() { cursor_ = text_.size(); }

 private:
  std::string text_;
  std::size_t cursor_ = 0;
};

}  // namespace nicsentry::top
