// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/packet/features.h"

namespace nicsentry {

// A frame of a capture as an Ethernet frame. Linux cooked and raw IP captures get a generated Ethernet header.
struct CapturedFrame {
  TimestampNs timestamp_ns = 0;
  std::uint32_t wire_bytes = 0;         // length on the wire, Ethernet header included; at least bytes.size()
  std::span<const std::uint8_t> bytes;  // the captured bytes; valid until the next frame is read
};

// Reads a pcap or pcapng file frame by frame. Not for several threads at once.
class CaptureFile {
 public:
  // Throws Error if the file cannot be opened or is not a capture. Link types other than Ethernet, Linux cooked (SLL,
  // SLL2) and raw IP are errors, too.
  explicit CaptureFile(const std::filesystem::path& path);
  ~CaptureFile();
  CaptureFile(CaptureFile&&) noexcept;
  CaptureFile& operator=(CaptureFile&&) noexcept;

  // Returns false at the end, and where the file is damaged; damage() then returns the place.
  bool next(CapturedFrame& frame);
  const std::string& damage() const { return damage_; }

  std::uint64_t bytes_read() const;
  std::uint64_t bytes_in_all() const { return file_bytes_; }

 private:
  struct Handle;

  CapturedFrame as_ethernet(TimestampNs timestamp_ns, std::span<const std::uint8_t> captured, std::uint32_t wire_bytes);

  std::filesystem::path path_;
  std::unique_ptr<Handle> handle_;
  std::vector<std::uint8_t> rebuilt_;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t frames_ = 0;
  std::string damage_;
};

}  // namespace nicsentry
