// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "host/capture/byte_source.h"

namespace nicsentry {

// Bytes of a source in order, through a buffer of a fixed size. What the source throws comes through.
class ByteReader {
 public:
  explicit ByteReader(std::unique_ptr<ByteSource> source);

  static constexpr std::size_t kMostPeeked = std::size_t{16} << 10U;

  // The next `count` bytes, at most kMostPeeked; fewer at the end. Valid until the next call.
  std::span<const std::uint8_t> peek(std::size_t count);
  // Passes over bytes. Returns how many there were, fewer than `count` at the end.
  std::uint64_t skip(std::uint64_t count);

  std::uint64_t position() const { return position_; }  // of the decompressed bytes
  std::uint64_t file_position() const { return source_->file_position(); }

 private:
  bool fill();

  std::unique_ptr<ByteSource> source_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace nicsentry
