// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "host/base/unique_fd.h"

namespace nicsentry {

// Keeps other processes from writing windows in a directory. It ends with the process, however that ends.
class OutputLock {
 public:
  // Throws Error that names the process which has the directory. Warns where the file system has no locks.
  OutputLock(const std::filesystem::path& directory, const std::function<void(const std::string&)>& warn);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

 private:
  UniqueFd fd_;
  bool locked_ = false;
};

}  // namespace nicsentry
