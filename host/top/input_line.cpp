// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/input_line.h"

namespace nicsentry::top {
namespace {

constexpr std::size_t kLongest = 1000;

}  // namespace

void InputLine::insert(char character) {
  if (character >= ' ' && character <= '~' && text_.size() < kLongest) {
    text_.insert(cursor_, 1, character);
    ++cursor_;
  }
}

void InputLine::remove_before() {
  if (cursor_ != 0) {
    text_.erase(--cursor_, 1);
  }
}

void InputLine::remove_at() {
  if (cursor_ < text_.size()) {
    text_.erase(cursor_, 1);
  }
}

}  // namespace nicsentry::top
