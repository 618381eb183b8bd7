// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nicsentry::test {

// A new directory, removed at the end.
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

// Returns the relative paths of all files below, sorted, including temporary ones.
std::vector<std::string> files_below(const std::filesystem::path& directory);

// Calls `test` with an empty directory that has room for `bytes`. It is a tmpfs that only the thread that runs `test`
// sees. Needs root.
void on_small_disk(std::size_t bytes, const std::function<void(const std::filesystem::path&)>& test);

// Fills the remaining room.
void fill_up(const std::filesystem::path& filler);

}  // namespace nicsentry::test
