// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/capture_merge.h"

namespace nicsentry {

CaptureMerge::CaptureMerge(const std::vector<std::filesystem::path>& paths) {
  for (const auto& path : paths) {
    sources_.push_back({CaptureFile(path), {}, false, true});
  }
}

bool CaptureMerge::next(CapturedFrame& frame) {
  Source* earliest = nullptr;
  for (Source& source : sources_) {
    if (source.used) {
      source.has_frame = source.file.next(source.frame);
      source.used = false;
    }
    if (source.has_frame && (earliest == nullptr || source.frame.timestamp_ns < earliest->frame.timestamp_ns)) {
      earliest = &source;
    }
  }
  if (earliest == nullptr) {
    return false;
  }
  frame = earliest->frame;
  earliest->used = true;
  return true;
}

std::vector<std::string> CaptureMerge::damages() const {
  std::vector<std::string> damages;
  for (const Source& source : sources_) {
    if (!source.file.damage().empty()) {
      damages.push_back(source.file.damage());
    }
  }
  return damages;
}

std::uint64_t CaptureMerge::bytes_read() const {
  std::uint64_t sum = 0;
  for (const Source& source : sources_) {
    sum += source.file.bytes_read();
  }
  return sum;
}

std::uint64_t CaptureMerge::bytes_in_all() const {
  std::uint64_t sum = 0;
  for (const Source& source : sources_) {
    sum += source.file.bytes_in_all();
  }
  return sum;
}

}  // namespace nicsentry
