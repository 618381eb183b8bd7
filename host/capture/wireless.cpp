// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/wireless.h"

#include <algorithm>
#include <iterator>

#include "host/capture/record.h"
#include "host/packet/ip_header.h"

namespace nicsentry {
namespace {

// Radiotap: the presence words' bits.
constexpr std::uint32_t kTsft = 1U << 0U;  // 8 bytes, aligned to 8
constexpr std::uint32_t kFlags = 1U << 1U;
constexpr std::uint32_t kMorePresent = 1U << 31U;
constexpr std::uint8_t kDataPadded = 0x20;  // in the field of flags

// IEEE 802.11, 9.2.4.1: the frame control field.
constexpr std::uint8_t kTypeMask = 0x0c;
constexpr std::uint8_t kTypeData = 0x08;
constexpr std::uint8_t kWithoutData = 0x40;  // of the subtype: null frames
constexpr std::uint8_t kQosData = 0x80;
constexpr std::uint8_t kBothDistribution = 0x03;  // To DS and From DS: a fourth address
constexpr std::uint8_t kProtected = 0x40;
constexpr std::uint8_t kOrder = 0x80;       // of QoS data: an HT control field
constexpr std::uint8_t kAggregated = 0x80;  // of the QoS field: an A-MSDU

}  // namespace

Radiotap read_radiotap(std::span<const std::uint8_t> frame) {
  constexpr std::size_t kFixedBytes = 8;
  const FileNumbers numbers(FileOrder::little_endian);
  if (frame.size() < kFixedBytes) return {};
  const std::size_t length = numbers.u16(frame, 2);
  if (length < kFixedBytes || length > frame.size()) return {};
  Radiotap radiotap{length, WirelessPadding::none};
  const std::uint32_t present = numbers.u32(frame, 4);
  std::size_t at = kFixedBytes;
  for (std::uint32_t word = present; (word & kMorePresent) != 0 && at + 4 <= length; at += 4) {
    word = numbers.u32(frame, at);
  }
  if ((present & kTsft) != 0) at = (at + 7) / 8 * 8 + 8;
  if ((present & kFlags) != 0 && at < length && (frame[at] & kDataPadded) != 0) {
    radiotap.padding = WirelessPadding::to_four_bytes;
  }
  return radiotap;
}

WirelessData find_wireless_data(std::span<const std::uint8_t> frame, WirelessPadding padding) {
  constexpr std::size_t kControlBytes = 2;
  constexpr std::uint8_t kSnap[] = {0xaa, 0xaa, 0x03, 0, 0, 0};
  constexpr std::size_t kSnapBytes = 8;
  if (frame.size() < kControlBytes) return {0, frame.size()};
  const std::uint8_t kind = frame[0];
  const std::uint8_t flags = frame[1];
  if ((kind & kTypeMask) != kTypeData || (kind & kWithoutData) != 0 || (flags & kProtected) != 0) return {};
  std::size_t at = 24;
  if ((flags & kBothDistribution) == kBothDistribution) at += 6;
  if ((kind & kQosData) != 0) {
    if (at + 2 > frame.size() || (frame[at] & kAggregated) != 0) return {};
    at += (flags & kOrder) != 0 ? 6 : 2;
  }
  if (padding == WirelessPadding::to_four_bytes) at = (at + 3) / 4 * 4;
  if (at + kSnapBytes > frame.size() ||
      !std::equal(std::begin(kSnap), std::end(kSnap), frame.begin() + static_cast<std::ptrdiff_t>(at))) {
    return {};
  }
  return {be16(frame, at + std::size(kSnap)), at + kSnapBytes};
}

}  // namespace nicsentry
