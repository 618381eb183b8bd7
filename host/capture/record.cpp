// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/record.h"

#include <algorithm>
#include <string>

#include "host/base/error.h"

namespace nicsentry {
namespace {

std::uint64_t number(std::span<const std::uint8_t> bytes, FileOrder order) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    value = value << 8U | bytes[order == FileOrder::big_endian ? i : bytes.size() - 1 - i];
  }
  return value;
}

[[noreturn]] void file_ends(const char* what) { throw Error(std::string("the file ends within ") + what); }

}  // namespace

std::uint16_t FileNumbers::u16(std::span<const std::uint8_t> bytes, std::size_t at) const {
  return static_cast<std::uint16_t>(number(bytes.subspan(at, 2), order_));
}

std::uint32_t FileNumbers::u32(std::span<const std::uint8_t> bytes, std::size_t at) const {
  return static_cast<std::uint32_t>(number(bytes.subspan(at, 4), order_));
}

std::uint64_t FileNumbers::u64(std::span<const std::uint8_t> bytes, std::size_t at) const {
  return number(bytes.subspan(at, 8), order_);
}

bool RecordReader::begin_record() {
  record_position_ = reader_.position();
  return !reader_.peek(1).empty();
}

std::span<const std::uint8_t> RecordReader::peek(std::size_t count, const char* what) {
  const auto bytes = reader_.peek(count);
  if (bytes.size() < count) file_ends(what);
  return bytes;
}

void RecordReader::skip(std::uint64_t count, const char* what) {
  if (reader_.skip(count) < count) file_ends(what);
}

void RecordReader::read_bytes(CaptureRecord& record) {
  const auto bytes = peek(std::min<std::size_t>(record.captured_bytes, kRecordBytesKept), "a packet");
  kept_.assign(bytes.begin(), bytes.end());
  skip(record.captured_bytes, "a packet");
  record.order = numbers_.order();
  record.bytes = kept_;
}

}  // namespace nicsentry
