// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/capture_file.h"

#include <algorithm>
#include <limits>

#include "host/base/error.h"
#include "host/capture/classic_reader.h"
#include "host/capture/link_layer.h"
#include "host/capture/pcapng_reader.h"

namespace nicsentry {
namespace {

constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kTypeOffset = 12;  // of the EtherType in an Ethernet header

void put_type(std::vector<std::uint8_t>& frame, std::size_t at, std::uint16_t type) {
  frame[at] = static_cast<std::uint8_t>(type >> 8U);
  frame[at + 1] = static_cast<std::uint8_t>(type);
}

std::uint32_t limited(std::uint64_t bytes) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

CaptureFile::CaptureFile(const std::filesystem::path& path, Tunnels tunnels)
    : name_(path == kStandardInput ? capture_name(path) : path.string()),
      tunnels_(tunnels),
      bytes_(std::make_unique<ByteReader>(open_bytes(path))) {
  open();
}

void CaptureFile::open() {
  try {
    const auto first = bytes_->peek(4);
    if (first.empty()) throw Error("the file is empty");
    if (is_pcapng(first)) {
      records_ = read_pcapng(*bytes_);
    } else if (is_classic(first)) {
      records_ = read_classic(*bytes_);
    } else {
      throw Error("neither pcap nor pcapng, nor one of them compressed by gzip or zstd");
    }
  } catch (const SystemError&) {
    throw;
  } catch (const Error& error) {
    throw Error(name_ + ": " + error.what());
  }
}

bool CaptureFile::next(CapturedFrame& frame) {
  CaptureRecord record;
  if (ended_ || !next_known(record)) return false;
  frame = as_ethernet(record);
  if (tunnels_ == Tunnels::stepped_over) frame = without_tunnel(frame);
  return true;
}

bool CaptureFile::next_known(CaptureRecord& record) {
  try {
    while (records_->next(record)) {
      ++packets_;
      if (is_known_link_type(record.link_type)) return true;
      ++unread_[record.link_type];
    }
    ended_ = true;
  } catch (const Error& error) {
    stop(error.what());
  }
  report_unread();
  return false;
}

void CaptureFile::stop(const std::string& reason) {
  ended_ = true;
  damage_ = name_ + ": damaged at packet " + std::to_string(packets_ + 1) + ", byte " +
            std::to_string(records_->record_position()) + ": " + reason;
}

void CaptureFile::report_unread() {
  for (const auto& [link_type, packets] : unread_) {
    damage_ += (damage_.empty() ? name_ + ": " : "; ") + std::to_string(packets) +
               (packets == 1 ? " packet" : " packets") + " of link type " + link_type_text(link_type) + " not read";
  }
}

CapturedFrame CaptureFile::as_ethernet(const CaptureRecord& record) {
  const std::uint32_t wire = std::max(record.wire_bytes, record.captured_bytes);
  const LinkPayload payload = read_link_header(record.link_type, record.order, record.bytes);
  const std::size_t offset = std::min(payload.offset, record.bytes.size());
  if (payload.ethernet) {
    return {record.timestamp_ns, static_cast<std::uint32_t>(wire - offset), record.bytes.subspan(offset)};
  }
  rebuilt_.assign(kEthernetBytes, 0);
  put_type(rebuilt_, kTypeOffset, payload.ethertype);
  const auto behind = record.bytes.subspan(offset);
  rebuilt_.insert(rebuilt_.end(), behind.begin(), behind.end());
  return {record.timestamp_ns, limited(std::uint64_t{kEthernetBytes} + wire - offset), rebuilt_};
}

CapturedFrame CaptureFile::without_tunnel(const CapturedFrame& frame) {
  const Encapsulation found = find_encapsulation(frame.bytes);
  if (found.bytes == 0) return frame;
  if (frame.bytes.data() != rebuilt_.data()) rebuilt_.assign(frame.bytes.begin(), frame.bytes.end());
  const auto begin = rebuilt_.begin() + static_cast<std::ptrdiff_t>(found.offset);
  rebuilt_.erase(begin, begin + static_cast<std::ptrdiff_t>(found.bytes));
  put_type(rebuilt_, found.offset - 2, found.ethertype);
  return {frame.timestamp_ns, static_cast<std::uint32_t>(frame.wire_bytes - found.bytes), rebuilt_};
}

std::string capture_name(const std::filesystem::path& path) {
  if (path == kStandardInput) return "stdin";
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

}  // namespace nicsentry
