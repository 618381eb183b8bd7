// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "host/capture/capture_file.h"

namespace nicsentry {

// Merges several captures in order of time. With equal times, the frame of the file named first comes first. A file
// whose own times go back keeps its order.
class CaptureMerge {
 public:
  explicit CaptureMerge(const std::vector<std::filesystem::path>& paths);  // throws Error

  bool next(CapturedFrame& frame);
  std::vector<std::string> damages() const;

  std::uint64_t bytes_read() const;
  std::uint64_t bytes_in_all() const;

 private:
  struct Source {
    CaptureFile file;
    CapturedFrame frame;
    bool has_frame = false;
    bool used = true;  // its frame was returned
  };

  std::vector<Source> sources_;
};

}  // namespace nicsentry
