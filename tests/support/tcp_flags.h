// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

// Bits of the TCP header's flags (RFC 9293, 3.1).
namespace nicsentry::testing {

constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kRst = 0x04;
constexpr std::uint8_t kPsh = 0x08;
constexpr std::uint8_t kAck = 0x10;
constexpr std::uint8_t kEce = 0x40;
constexpr std::uint8_t kCwr = 0x80;

}  // namespace nicsentry::testing
