// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nicsentry::test {

// A directory of its own, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string content(const std::filesystem::path& path);
void put(const std::filesystem::path& path, std::string_view text);

// Relative paths of all files below, sorted, temporary ones too.
std::vector<std::string> files_below(const std::filesystem::path& directory);

// Calls `test` with an empty directory that has room for `bytes`: a tmpfs that only the calling thread of `test` sees.
// Needs root.
void on_small_disk(std::size_t bytes, const std::function<void(const std::filesystem::path&)>& test);

// Takes all the room left.
void fill_up(const std::filesystem::path& filler);

}  // namespace nicsentry::test
