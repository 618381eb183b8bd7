// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string_view>

#include "host/base/unique_fd.h"

namespace nicsentry {

// A file that lines are appended to, each whole or not at all. After a failed write, such as on a full disk, a later
// one may succeed. For one thread at a time.
class AppendFile {
 public:
  explicit AppendFile(std::filesystem::path path);  // throws SystemError

  // Throws SystemError, and leaves the file as it was before the line.
  void append(std::string_view line);

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
};

}  // namespace nicsentry
