// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "host/base/unique_fd.h"

namespace nicsentry {

// A directory that output goes to, held by its descriptor. Others may write in a directory whose owner is neither this
// user nor root, or whose mode lets its group or others write. They may put a symbolic link there at any time, so none
// that stands in such a directory is followed, on the way to this one or in it.
class Directory {
 public:
  enum class Missing : std::uint8_t { is_error, is_made, is_made_with_parents };

  // Throws SystemError.
  explicit Directory(const std::filesystem::path& path, Missing missing = Missing::is_error);

  // Flags and mode are those of open(2). Throws SystemError: "WHAT PATH".
  UniqueFd open(const std::string& name, int flags, mode_t mode, const std::string& what) const;
  // Renames within the directory. Throws SystemError.
  void rename(const std::string& from, const std::string& to) const;
  void remove(const std::string& name) const noexcept;  // an error is ignored

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  UniqueFd fd_;  // O_PATH
  bool others_write_ = false;
};

// The directory of a file. Throws SystemError that names the file, or the symbolic link on the way.
Directory directory_of(const std::filesystem::path& file);

}  // namespace nicsentry
