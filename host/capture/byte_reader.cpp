// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/byte_reader.h"

#include <algorithm>
#include <utility>

namespace nicsentry {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{64} << 10U;

}  // namespace

ByteReader::ByteReader(std::unique_ptr<ByteSource> source) : source_(std::move(source)), buffer_(kBufferBytes) {}

// Adds bytes behind those in the buffer, moving these to its front. False at the end.
bool ByteReader::fill() {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.begin() + static_cast<std::ptrdiff_t>(end_),
            buffer_.begin());
  end_ -= begin_;
  begin_ = 0;
  const std::size_t more = source_->read(std::span(buffer_).subspan(end_));
  end_ += more;
  return more != 0;
}

std::span<const std::uint8_t> ByteReader::peek(std::size_t count) {
  count = std::min(count, kMostPeeked);
  while (end_ - begin_ < count && fill()) {
  }
  return std::span(buffer_).subspan(begin_, std::min(count, end_ - begin_));
}

std::uint64_t ByteReader::skip(std::uint64_t count) {
  std::uint64_t skipped = 0;
  while (skipped < count) {
    if (begin_ == end_ && !fill()) break;
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(count - skipped, end_ - begin_));
    begin_ += step;
    skipped += step;
  }
  position_ += skipped;
  return skipped;
}

}  // namespace nicsentry
