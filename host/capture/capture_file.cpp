// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/capture_file.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kTypeOffset = 12;  // of the EtherType in an Ethernet header
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

// The place of the EtherType in a link type's header, and the header's length (https://www.tcpdump.org/linktypes.html).
struct CookedHeader {
  std::size_t bytes;
  std::size_t type_offset;
};
constexpr CookedHeader kSll{16, 14};
constexpr CookedHeader kSll2{20, 0};

bool is_known(int link_type) {
  constexpr std::array kKnown = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, DLT_IPV4, DLT_IPV6};
  return std::find(kKnown.begin(), kKnown.end(), link_type) != kKnown.end();
}

std::uint16_t raw_ip_type(std::span<const std::uint8_t> captured) {
  constexpr std::uint16_t kIpv4 = 0x0800;
  constexpr std::uint16_t kIpv6 = 0x86dd;
  return !captured.empty() && captured[0] >> 4U == 6 ? kIpv6 : kIpv4;
}

}  // namespace

struct CaptureFile::Handle {
  pcap_t* pcap = nullptr;
  int link_type = 0;

  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (pcap != nullptr) {
      pcap_close(pcap);
    }
  }
};

CaptureFile::CaptureFile(const std::filesystem::path& path) : path_(path), handle_(std::make_unique<Handle>()) {
  std::array<char, PCAP_ERRBUF_SIZE> message{};
  handle_->pcap = pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, message.data());
  if (handle_->pcap == nullptr) {
    const std::string reason = message.data();
    throw Error(reason.starts_with(path.string()) ? reason : path.string() + ": " + reason);
  }
  handle_->link_type = pcap_datalink(handle_->pcap);
  if (!is_known(handle_->link_type)) {
    const char* name = pcap_datalink_val_to_name(handle_->link_type);
    throw Error(path.string() + ": link type " + (name != nullptr ? name : std::to_string(handle_->link_type)) +
                " is not one of Ethernet, Linux cooked and raw IP");
  }
  std::error_code no_size;  // a pipe has no size; then no progress is shown
  const auto size = std::filesystem::file_size(path, no_size);
  file_bytes_ = no_size ? 0 : size;
}

CaptureFile::~CaptureFile() = default;
CaptureFile::CaptureFile(CaptureFile&&) noexcept = default;
CaptureFile& CaptureFile::operator=(CaptureFile&&) noexcept = default;

bool CaptureFile::next(CapturedFrame& frame) {
  if (!damage_.empty()) {
    return false;
  }
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  const int result = pcap_next_ex(handle_->pcap, &header, &data);
  if (result == PCAP_ERROR_BREAK) {
    return false;
  }
  if (result != 1) {
    damage_ = path_.string() + ": damaged after packet " + std::to_string(frames_) + ", near byte " +
              std::to_string(bytes_read()) + ": " + pcap_geterr(handle_->pcap);
    return false;
  }
  ++frames_;
  const TimestampNs time = std::int64_t{header->ts.tv_sec} * kNsPerSecond + header->ts.tv_usec;  // tv_usec holds ns
  frame = as_ethernet(time, {data, header->caplen}, std::max(header->len, header->caplen));
  return true;
}

CapturedFrame CaptureFile::as_ethernet(TimestampNs timestamp_ns, std::span<const std::uint8_t> captured,
                                       std::uint32_t wire_bytes) {
  if (handle_->link_type == DLT_EN10MB) {
    return {timestamp_ns, wire_bytes, captured};
  }
  std::array<std::uint8_t, kEthernetBytes> ethernet{};
  std::size_t header_bytes = 0;
  if (handle_->link_type == DLT_LINUX_SLL || handle_->link_type == DLT_LINUX_SLL2) {
    const CookedHeader& cooked = handle_->link_type == DLT_LINUX_SLL ? kSll : kSll2;
    header_bytes = std::min(cooked.bytes, captured.size());
    if (captured.size() >= cooked.bytes) {
      std::copy_n(captured.begin() + static_cast<std::ptrdiff_t>(cooked.type_offset), 2,
                  ethernet.begin() + kTypeOffset);
    }
  } else {
    const std::uint16_t type = raw_ip_type(captured);
    ethernet[kTypeOffset] = static_cast<std::uint8_t>(type >> 8U);
    ethernet[kTypeOffset + 1] = static_cast<std::uint8_t>(type);
  }
  rebuilt_.assign(ethernet.begin(), ethernet.end());
  const auto payload = captured.subspan(header_bytes);
  rebuilt_.insert(rebuilt_.end(), payload.begin(), payload.end());
  // A damaged length may be near the largest number that it can be.
  const std::uint64_t on_wire = std::uint64_t{kEthernetBytes} + wire_bytes - header_bytes;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return {timestamp_ns, static_cast<std::uint32_t>(std::min(on_wire, kMost)), rebuilt_};
}

std::uint64_t CaptureFile::bytes_read() const {
  const long position = std::ftell(pcap_file(handle_->pcap));
  return position < 0 ? 0 : static_cast<std::uint64_t>(position);
}

}  // namespace nicsentry
