// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "host/top/layout.h"

namespace nicsentry::top {

// The terminal, through ncurses. The destructor restores it. One at a time, on the main thread.
class Screen {
 public:
  // Throws Error where ncurses cannot use the terminal.
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  ScreenSize size() const;
  void draw(const Frame& frame);
  // All of it is drawn again with the next frame.
  void redraw();
  // The terminal has another size.
  void resize();
  // A key that was pressed; nothing: there is none.
  std::optional<Key> key();

 private:
  struct Terminal;
  std::unique_ptr<Terminal> terminal_;
};

}  // namespace nicsentry::top
