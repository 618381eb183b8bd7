// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/classic_reader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr std::size_t kFileHeaderBytes = 24;
constexpr std::size_t kRecordHeaderBytes = 16;
constexpr std::size_t kLongRecordHeaderBytes = 24;
constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kLongRecords = 0xa1b2cd34;  // libpcap: "modified" pcap
constexpr std::uint16_t kMajorVersion = 2;
constexpr std::uint16_t kLengthsInOrder = 4;        // minor version; 2 and below have the two lengths swapped
constexpr std::uint32_t kLinkTypeMask = 0xffff;     // above it: length of the frame check sequence
constexpr std::uint32_t kLeastLimit = 256U << 10U;  // of a captured length, whatever the file's snap length
constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kNsPerMicrosecond = 1000;

struct ClassicFormat {
  std::uint32_t magic;
  FileOrder order;
};

std::optional<ClassicFormat> classic_format(std::span<const std::uint8_t> first) {
  if (first.size() < 4) return std::nullopt;
  for (const FileOrder order : {FileOrder::little_endian, FileOrder::big_endian}) {
    const std::uint32_t magic = FileNumbers(order).u32(first, 0);
    if (magic == kMicroseconds || magic == kNanoseconds || magic == kLongRecords) return ClassicFormat{magic, order};
  }
  return std::nullopt;
}

class ClassicReader : public RecordReader {
 public:
  ClassicReader(ByteReader& reader, const ClassicFormat& format)
      : RecordReader(reader, format.order),
        header_bytes_(format.magic == kLongRecords ? kLongRecordHeaderBytes : kRecordHeaderBytes),
        ns_per_fraction_(format.magic == kNanoseconds ? 1 : kNsPerMicrosecond) {
    const auto header = peek(kFileHeaderBytes, "the file header");
    const std::uint16_t major = numbers_.u16(header, 4);
    minor_ = numbers_.u16(header, 6);
    if (major != kMajorVersion) throw Error("version " + std::to_string(major) + " of pcap is not known");
    snap_length_ = numbers_.u32(header, 16);
    link_type_ = numbers_.u32(header, 20) & kLinkTypeMask;
    skip(kFileHeaderBytes, "the file header");
  }

  bool next(CaptureRecord& record) override {
    if (!begin_record()) return false;
    const auto header = peek(header_bytes_, "a packet's header");
    const std::int64_t seconds = numbers_.u32(header, 0);
    const std::int64_t fraction = numbers_.u32(header, 4);
    record.timestamp_ns = seconds * kNsPerSecond + fraction * ns_per_fraction_;
    record.link_type = link_type_;
    record.captured_bytes = numbers_.u32(header, 8);
    record.wire_bytes = numbers_.u32(header, 12);
    if (minor_ < kLengthsInOrder - 1 || (minor_ < kLengthsInOrder && record.captured_bytes > record.wire_bytes)) {
      std::swap(record.captured_bytes, record.wire_bytes);
    }
    if (snap_length_ != 0 && record.captured_bytes > std::max(snap_length_, kLeastLimit)) {
      throw Error("a captured length of " + std::to_string(record.captured_bytes) + " bytes is beyond the snap length");
    }
    skip(header_bytes_, "a packet's header");
    read_bytes(record);
    return true;
  }

 private:
  std::size_t header_bytes_;
  std::int64_t ns_per_fraction_;
  std::uint16_t minor_ = 0;
  std::uint32_t snap_length_ = 0;
  std::uint32_t link_type_ = 0;
};

}  // namespace

bool is_classic(std::span<const std::uint8_t> first) { return classic_format(first).has_value(); }

std::unique_ptr<RecordReader> read_classic(ByteReader& reader) {
  const auto format = classic_format(reader.peek(4));
  if (!format) throw Error("not a pcap file");
  return std::make_unique<ClassicReader>(reader, *format);
}

}  // namespace nicsentry
