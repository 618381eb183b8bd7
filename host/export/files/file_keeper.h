// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "host/export/files/retention.h"
#include "host/export/files/writer.h"

namespace nicsentry {

// Rotates the growing files of an output directory, compresses rotated ones, and removes the oldest files that do not
// grow any more. With Retention::keep.bytes the files never have more bytes together. One thread at a time.
class FileKeeper {
 public:
  using Warn = std::function<void(const std::string&)>;

  // `growing`: the files that grow; the last window in them is `last_window`. Finds those that earlier runs have left.
  FileKeeper(std::filesystem::path directory, const Retention& retention,
             const std::vector<WindowWriter::Growing>& growing, std::uint64_t last_window, Warn warn);

  // Rotates and removes what is due.
  void before_window();
  // Makes room for so many bytes more. Throws Error where no file is left to remove.
  void make_room(std::size_t bytes);
  // These files were made or extended.
  void after_window(const std::vector<std::filesystem::path>& files, std::uint64_t window);
  // They were not. Returns whether another try has more room: before_window() rotates files for it.
  bool after_failure();

 private:
  // A file that does not grow any more.
  struct Kept {
    TimestampNs time_ns = 0;
    std::uint64_t window = 0;  // its last one: a clock may be coarse
    std::filesystem::path path;
    bool operator<(const Kept& other) const {
      return std::tie(time_ns, window, path) < std::tie(other.time_ns, other.window, other.path);
    }
  };

  void find_kept(const std::filesystem::path& directory);
  void add_kept(const std::filesystem::path& path, TimestampNs time_ns);
  bool remove_oldest();
  bool is_due(const std::filesystem::path& path) const;
  void rotate(const std::filesystem::path& path);
  void rotate_for_room();
  void remove_old();
  std::uint64_t growing_bytes() const;

  std::filesystem::path directory_;
  const Retention retention_;
  Warn warn_;
  struct Grown {
    TimestampNs begin_ns = 0;
    std::uint64_t header_bytes = 0;
    std::uint64_t last_window = 0;
  };
  std::map<std::filesystem::path, Grown> growing_;
  std::map<Kept, std::uint64_t> kept_;  // with its bytes
  std::uint64_t kept_bytes_ = 0;
  std::uint64_t base_bytes_ = 0;      // of growing files, before this window
  std::uint64_t pending_bytes_ = 0;   // of this window
  const Kept* compressed_ = nullptr;  // must stay meanwhile
  bool needs_room_ = false;           // the last write found none
};

// The number after the highest last window of rotated files in the directory; 0: there is none.
std::uint64_t next_rotated_window(const std::filesystem::path& directory);

}  // namespace nicsentry
