// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

#include "host/base/unique_fd.h"

namespace nicsentry {

// Writes to a descriptor that may stand still (a pipe nobody reads, a stopped terminal), without changing its flags:
// a terminal's are shared with other processes. write() is for one thread at a time, give_up() for any.
class FdWriter {
 public:
  // Does not own `fd`. Throws SystemError.
  explicit FdWriter(int fd);

  // Writes all of `text` and waits as long as the descriptor takes nothing. False once give_up() was called; the text
  // may then be written in part. Throws SystemError.
  bool write(std::string_view text);

  // Ends a write() that waits, and every later one.
  void give_up();

 private:
  bool wait_until_writable() const;

  int fd_;
  UniqueFd given_up_;
};

}  // namespace nicsentry
