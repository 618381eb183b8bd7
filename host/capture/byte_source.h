// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace nicsentry {

// The bytes of a file, decompressed where it is a gzip or zstd stream. Not for several threads at once.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Returns how many bytes were read, at most into.size(); 0 at the end. Throws Error where the file cannot be read or
  // its compressed data is damaged; the text names the byte of the file.
  virtual std::size_t read(std::span<std::uint8_t> into) = 0;
  // Bytes of the file itself that were read so far.
  virtual std::uint64_t file_position() const = 0;
};

// The name of standard input on the command line.
inline constexpr const char* kStandardInput = "-";

// Opens a file by its name, or standard input. The first bytes tell whether it is compressed: gzip and zstd, also with
// several members one after the other. Throws SystemError if it cannot be opened.
std::unique_ptr<ByteSource> open_bytes(const std::filesystem::path& path);

}  // namespace nicsentry
