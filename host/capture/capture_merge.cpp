// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/capture_merge.h"

#include <fmt/format.h>

#include <system_error>

#include "host/base/error.h"
#include "host/capture/byte_source.h"
#include "host/capture/capture_list.h"

namespace nicsentry {
namespace {

// With more files than this, those whose time has not come are closed. Rotated captures follow each other.
constexpr std::size_t kOpenTogether = 32;

bool can_be_opened_again(const std::filesystem::path& path) {
  std::error_code failure;
  return path != kStandardInput && std::filesystem::is_regular_file(path, failure);
}

// 0 for a pipe.
std::uint64_t bytes_of(const std::filesystem::path& path) {
  std::error_code failure;
  if (!can_be_opened_again(path)) return 0;
  const auto size = std::filesystem::file_size(path, failure);
  return failure ? 0 : size;
}

}  // namespace

CaptureMerge::CaptureMerge(const std::vector<std::filesystem::path>& names, Tunnels tunnels) : tunnels_(tunnels) {
  CaptureList list = list_captures(names);
  list_failures_ = std::move(list.failures);
  sources_.reserve(list.files.size());  // given_ points into it
  for (auto& path : list.files) {
    const std::uint64_t bytes = bytes_of(path);
    sources_.push_back({std::move(path), nullptr, {}, bytes, 0, {}});
    open_first(sources_.back());
  }
}

void CaptureMerge::open_first(Source& source) {
  if (!advance(source)) return;
  turns_.emplace(source.frame.timestamp_ns, static_cast<std::size_t>(&source - sources_.data()));
  if (sources_.capacity() > kOpenTogether && can_be_opened_again(source.path)) source.file.reset();
}

// Reads the source's next frame, or its first. False at its end.
bool CaptureMerge::advance(Source& source) {
  try {
    if (source.file == nullptr) source.file = std::make_unique<CaptureFile>(source.path, tunnels_);
    if (source.file->next(source.frame)) return true;
  } catch (const Error& error) {
    source.failure = error.what();
  }
  end(source);
  return false;
}

void CaptureMerge::end(Source& source) {
  if (source.file != nullptr) {
    source.failure = source.file->damage();
    source.bytes_read = source.file->bytes_read();
    source.file.reset();
  }
}

bool CaptureMerge::next(CapturedFrame& frame) {
  if (given_ != nullptr) {
    Source& source = *std::exchange(given_, nullptr);
    if (advance(source)) {
      turns_.emplace(source.frame.timestamp_ns, static_cast<std::size_t>(&source - sources_.data()));
    }
  }
  while (!turns_.empty()) {
    Source& source = sources_[turns_.top().second];
    turns_.pop();
    if (source.file == nullptr && !advance(source)) continue;
    given_ = &source;
    frame = source.frame;
    note_order(source);
    return true;
  }
  return false;
}

void CaptureMerge::note_order(const Source& source) {
  const TimestampNs time = source.frame.timestamp_ns;
  if (time >= latest_ns_) {
    latest_ns_ = time;
    return;
  }
  if (out_of_order_.packets++ == 0) {
    constexpr double kSecondNs = 1e9;
    out_of_order_.first = fmt::format("packet {} of {} is {:.9f} s older than one before it", source.file->packets(),
                                      source.path == kStandardInput ? capture_name(source.path) : source.path.string(),
                                      static_cast<double>(latest_ns_ - time) / kSecondNs);
  }
}

std::vector<std::string> CaptureMerge::failures() const {
  std::vector<std::string> failures = list_failures_;
  for (const Source& source : sources_) {
    if (!source.failure.empty()) failures.push_back(source.failure);
  }
  return failures;
}

std::uint64_t CaptureMerge::bytes_read() const {
  std::uint64_t sum = 0;
  for (const Source& source : sources_) {
    sum += source.file != nullptr ? source.file->bytes_read() : source.bytes_read;
  }
  return sum;
}

std::uint64_t CaptureMerge::bytes_in_all() const {
  std::uint64_t sum = 0;
  for (const Source& source : sources_) {
    sum += source.bytes_in_all;
  }
  return sum;
}

}  // namespace nicsentry
