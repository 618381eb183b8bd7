// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string_view>

#include "host/base/unique_fd.h"

namespace nicsentry {

// A file that lines are appended to, each whole and on a line of its own, or not at all. After a failed write, such as
// on a full disk, a later one may succeed. For one thread at a time.
class AppendFile {
 public:
  // See Directory on symbolic links. Throws SystemError.
  explicit AppendFile(std::filesystem::path path);

  // Throws SystemError, and leaves the file as it was before the line.
  void append(std::string_view line);

 private:
  void write_whole(std::string_view line);

  std::filesystem::path path_;
  UniqueFd fd_;
  bool lacks_line_end_ = false;  // the last line of an earlier process is not whole
};

}  // namespace nicsentry
