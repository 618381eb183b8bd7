// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/base/unique_fd.h"

namespace nicsentry {

// A file without a name, for interfaces that take nothing but a path.
class MemoryFile {
 public:
  // Throws SystemError.
  explicit MemoryFile(const std::string& content = {});
  // Of this process, while the object lives.
  std::string path() const;
  std::string content() const;

 private:
  UniqueFd fd_;
};

}  // namespace nicsentry
