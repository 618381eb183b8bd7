// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "host/base/timestamp.h"
#include "host/capture/byte_reader.h"

namespace nicsentry {

enum class FileOrder : std::uint8_t { little_endian, big_endian };

// A packet as a capture file has it.
struct CaptureRecord {
  TimestampNs timestamp_ns = 0;
  std::uint32_t link_type = 0;  // LINKTYPE_*, https://www.tcpdump.org/linktypes.html
  FileOrder order = FileOrder::little_endian;
  std::uint32_t captured_bytes = 0;
  std::uint32_t wire_bytes = 0;         // as the file says
  std::span<const std::uint8_t> bytes;  // the first kRecordBytesKept of the captured ones
};

// More than the headers that are read of any packet. What lies behind them is payload, which nobody looks at.
inline constexpr std::size_t kRecordBytesKept = 4096;

// Numbers of a file, in its order of bytes.
class FileNumbers {
 public:
  explicit FileNumbers(FileOrder order) : order_(order) {}

  FileOrder order() const { return order_; }
  std::uint16_t u16(std::span<const std::uint8_t> bytes, std::size_t at) const;
  std::uint32_t u32(std::span<const std::uint8_t> bytes, std::size_t at) const;
  std::uint64_t u64(std::span<const std::uint8_t> bytes, std::size_t at) const;

 private:
  FileOrder order_;
};

// Reads the packets of one format.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  // False at the end of the file. Throws Error where the file is damaged, with the reason. The record's bytes are valid
  // until the next call.
  virtual bool next(CaptureRecord& record) = 0;
  // Where the last record began, in the decompressed bytes.
  std::uint64_t record_position() const { return record_position_; }

 protected:
  RecordReader(ByteReader& reader, FileOrder order) : numbers_(order), reader_(reader) {}

  // A record or block begins here. False at the end of the file.
  bool begin_record();
  // Returns exactly `count` bytes, at most ByteReader::kMostPeeked. Throws Error if the file ends before.
  std::span<const std::uint8_t> peek(std::size_t count, const char* what);
  // Passes over exactly so many bytes. Throws Error if the file ends before.
  void skip(std::uint64_t count, const char* what);
  // Reads the captured bytes of a packet, as many as record.captured_bytes says, and keeps the first of them.
  void read_bytes(CaptureRecord& record);

  FileNumbers numbers_;

 private:
  ByteReader& reader_;
  std::uint64_t record_position_ = 0;
  std::vector<std::uint8_t> kept_;
};

}  // namespace nicsentry
