// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/pcapng_reader.h"

#include <algorithm>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/capture/interface_clock.h"

namespace nicsentry {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kObsoletePacket = 2;
constexpr std::uint32_t kSimplePacket = 3;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint16_t kVersion = 1;

constexpr std::size_t kBlockHeaderBytes = 8;
constexpr std::size_t kBlockTrailerBytes = 4;
constexpr std::size_t kSectionBodyBytes = 16;
constexpr std::size_t kInterfaceBodyBytes = 8;
constexpr std::size_t kPacketBodyBytes = 20;  // enhanced and obsolete
constexpr std::size_t kSimpleBodyBytes = 4;
constexpr std::size_t kOptionHeaderBytes = 4;

constexpr std::uint16_t kEndOfOptions = 0;
constexpr std::uint16_t kTimeResolution = 9;  // if_tsresol
constexpr std::uint16_t kTimeOffset = 14;     // if_tsoffset

// Bounds the memory that a file of interfaces takes.
constexpr std::size_t kInterfacesMax = 65536;

struct CaptureInterface {
  std::uint32_t link_type = 0;
  std::uint32_t snap_length = 0;
  InterfaceClock clock;
};

class PcapngReader : public RecordReader {
 public:
  // The section header, which is the first block, tells the order of bytes.
  explicit PcapngReader(ByteReader& reader) : RecordReader(reader, FileOrder::little_endian) {}

  bool next(CaptureRecord& record) override {
    while (begin_record()) {
      if (read_block(record)) return true;
    }
    return false;
  }

 private:
  // True if it was a packet.
  bool read_block(CaptureRecord& record) {
    if (is_pcapng(peek(kBlockHeaderBytes, "a block's header"))) begin_section();
    const auto header = peek(kBlockHeaderBytes, "a block's header");
    const std::uint32_t type = numbers_.u32(header, 0);
    const std::uint32_t length = numbers_.u32(header, 4);
    if (length < kBlockHeaderBytes + kBlockTrailerBytes || length % 4 != 0) {
      throw Error("a block has an impossible length of " + std::to_string(length) + " bytes");
    }
    skip(kBlockHeaderBytes, "a block's header");
    left_ = length - kBlockHeaderBytes - kBlockTrailerBytes;
    const bool packet = read_body(type, record);
    skip_body(left_);
    if (numbers_.u32(peek(kBlockTrailerBytes, "a block"), 0) != length) {
      throw Error("the two lengths of a block differ");
    }
    skip(kBlockTrailerBytes, "a block");
    return packet;
  }

  // The order of bytes is behind the section header's length.
  void begin_section() {
    const auto header = peek(kBlockHeaderBytes + kSectionBodyBytes, "a section header");
    for (const FileOrder order : {FileOrder::little_endian, FileOrder::big_endian}) {
      if (FileNumbers(order).u32(header, kBlockHeaderBytes) == kByteOrderMagic) {
        numbers_ = FileNumbers(order);
        interfaces_.clear();
        const std::uint16_t version = numbers_.u16(header, kBlockHeaderBytes + 4);
        if (version != kVersion) throw Error("version " + std::to_string(version) + " of pcapng is not known");
        return;
      }
    }
    throw Error("a section header without a byte-order magic");
  }

  bool read_body(std::uint32_t type, CaptureRecord& record) {
    switch (type) {
      case kInterfaceDescription:
        read_interface();
        return false;
      case kEnhancedPacket:
      case kObsoletePacket:
        read_packet(type, record);
        return true;
      case kSimplePacket:
        read_simple_packet(record);
        return true;
      default:
        return false;
    }
  }

  std::span<const std::uint8_t> peek_body(std::size_t count, const char* what) {
    if (left_ < count) throw Error(std::string(what) + " is longer than its block");
    return peek(count, what);
  }
  void skip_body(std::uint64_t count) {
    skip(count, "a block");
    left_ -= count;
  }

  void read_interface() {
    const auto body = peek_body(kInterfaceBodyBytes, "an interface");
    if (interfaces_.size() == kInterfacesMax) {
      throw Error("more than " + std::to_string(kInterfacesMax) + " interfaces in a section");
    }
    CaptureInterface& interface = interfaces_.emplace_back();
    interface.link_type = numbers_.u16(body, 0);
    interface.snap_length = numbers_.u32(body, 4);
    skip_body(kInterfaceBodyBytes);
    while (left_ >= kOptionHeaderBytes && read_option(interface)) {
    }
  }

  // False behind the last option.
  bool read_option(CaptureInterface& interface) {
    constexpr std::size_t kLongestRead = 8;
    const auto header = peek_body(kOptionHeaderBytes, "an option");
    const std::uint16_t code = numbers_.u16(header, 0);
    const std::uint16_t length = numbers_.u16(header, 2);
    skip_body(kOptionHeaderBytes);
    if (code == kEndOfOptions) return false;
    const std::uint64_t padded = (std::uint64_t{length} + 3) / 4 * 4;
    if (padded > left_) throw Error("an option is longer than its block");
    const auto value = peek_body(std::min<std::size_t>(length, kLongestRead), "an option");
    if (code == kTimeResolution && length == 1) interface.clock.set_resolution(value[0]);
    if (code == kTimeOffset && length == 8) {
      interface.clock.set_offset_s(static_cast<std::int64_t>(numbers_.u64(value, 0)));
    }
    skip_body(padded);
    return true;
  }

  const CaptureInterface& interface_of(std::uint32_t number) const {
    if (number >= interfaces_.size()) {
      throw Error("the packet names interface " + std::to_string(number) + ", which the file does not describe");
    }
    return interfaces_[number];
  }

  void read_packet(std::uint32_t type, CaptureRecord& record) {
    const auto body = peek_body(kPacketBodyBytes, "a packet's header");
    const CaptureInterface& interface =
        interface_of(type == kEnhancedPacket ? numbers_.u32(body, 0) : numbers_.u16(body, 0));
    const std::uint64_t ticks = std::uint64_t{numbers_.u32(body, 4)} << 32U | numbers_.u32(body, 8);
    const auto time = interface.clock.time_of(ticks);
    if (!time) throw Error("its time stamp is not between the years 1970 and 2262");
    last_ns_ = *time;
    record.captured_bytes = numbers_.u32(body, 12);
    record.wire_bytes = numbers_.u32(body, 16);
    skip_body(kPacketBodyBytes);
    read_packet_bytes(interface, record);
  }

  void read_simple_packet(CaptureRecord& record) {
    record.wire_bytes = numbers_.u32(peek_body(kSimpleBodyBytes, "a packet's header"), 0);
    const CaptureInterface& interface = interface_of(0);
    skip_body(kSimpleBodyBytes);
    const std::uint64_t most =
        interface.snap_length == 0 ? left_ : std::min<std::uint64_t>(left_, interface.snap_length);
    record.captured_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(record.wire_bytes, most));
    read_packet_bytes(interface, record);
  }

  void read_packet_bytes(const CaptureInterface& interface, CaptureRecord& record) {
    record.timestamp_ns = last_ns_;
    record.link_type = interface.link_type;
    if (record.captured_bytes > left_) {
      throw Error("a captured length of " + std::to_string(record.captured_bytes) + " bytes is beyond its block");
    }
    read_bytes(record);
    left_ -= record.captured_bytes;
  }

  std::vector<CaptureInterface> interfaces_;
  std::uint64_t left_ = 0;  // of the body of the block that is read
  TimestampNs last_ns_ = 0;
};

}  // namespace

bool is_pcapng(std::span<const std::uint8_t> first) {
  return first.size() >= 4 && FileNumbers(FileOrder::little_endian).u32(first, 0) == kSectionHeader;
}

std::unique_ptr<RecordReader> read_pcapng(ByteReader& reader) { return std::make_unique<PcapngReader>(reader); }

}  // namespace nicsentry
