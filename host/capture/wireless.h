// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nicsentry {

// Whether zeros stand between an 802.11 header and its data, so that the data begins at a multiple of 4 bytes.
enum class WirelessPadding : std::uint8_t { none, to_four_bytes };

// A radiotap header (https://www.radiotap.org) in front of an 802.11 frame.
struct Radiotap {
  std::size_t bytes = 0;  // 0: the header is damaged or cut off
  WirelessPadding padding = WirelessPadding::none;
};
Radiotap read_radiotap(std::span<const std::uint8_t> frame);

// The payload of an 802.11 data frame behind its LLC and SNAP headers.
struct WirelessData {
  std::uint16_t ethertype = 0;  // 0: another frame, an encrypted one, or one that is cut off
  std::size_t offset = 0;
};
WirelessData find_wireless_data(std::span<const std::uint8_t> frame, WirelessPadding padding);

}  // namespace nicsentry
