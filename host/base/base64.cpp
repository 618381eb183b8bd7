// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/base64.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace nicsentry {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kPadding = '=';
constexpr std::size_t kGroupBytes = 3;
constexpr std::size_t kGroupDigits = 4;
constexpr unsigned kDigitBits = 6;
constexpr unsigned kByteBits = 8;
constexpr std::uint32_t kDigitMask = 0x3f;
constexpr std::uint32_t kByteMask = 0xff;
constexpr std::uint8_t kNoDigit = 0xff;

std::array<std::uint8_t, 256> digit_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values.at(static_cast<unsigned char>(kDigits[i])) = static_cast<std::uint8_t>(i);
  }
  return values;
}

}  // namespace

std::string base64_text(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + kGroupBytes - 1) / kGroupBytes * kGroupDigits);
  for (std::size_t at = 0; at < bytes.size(); at += kGroupBytes) {
    const std::string_view group = bytes.substr(at, kGroupBytes);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < kGroupBytes; ++i) {
      bits = bits << kByteBits | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    }
    for (std::size_t i = 0; i < kGroupDigits; ++i) {
      const std::uint32_t digit = bits >> (kDigitBits * (kGroupDigits - 1 - i)) & kDigitMask;
      text += i <= group.size() ? kDigits[digit] : kPadding;
    }
  }
  return text;
}

std::optional<std::string> base64_bytes(std::string_view text) {
  static const std::array<std::uint8_t, 256> kValues = digit_values();
  if (text.size() % kGroupDigits != 0) {
    return std::nullopt;
  }
  std::string bytes;
  bytes.reserve(text.size() / kGroupDigits * kGroupBytes);
  for (std::size_t at = 0; at < text.size(); at += kGroupDigits) {
    std::string_view group = text.substr(at, kGroupDigits);
    if (at + kGroupDigits == text.size()) {
      group = group.substr(0, group.find(kPadding));
    }
    if (group.size() < 2 || text.substr(at + group.size(), kGroupDigits - group.size()).find_first_not_of(kPadding) !=
                                std::string_view::npos) {
      return std::nullopt;
    }
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < kGroupDigits; ++i) {
      const std::uint8_t value = i < group.size() ? kValues.at(static_cast<unsigned char>(group[i])) : std::uint8_t{0};
      if (value == kNoDigit) {
        return std::nullopt;
      }
      bits = bits << kDigitBits | value;
    }
    const std::size_t whole = group.size() - 1;
    for (std::size_t i = 0; i < kGroupBytes; ++i) {
      const std::uint32_t byte = bits >> (kByteBits * (kGroupBytes - 1 - i)) & kByteMask;
      if (i < whole) {
        bytes += static_cast<char>(byte);
      } else if (byte != 0) {
        return std::nullopt;  // bits behind the last byte
      }
    }
  }
  return bytes;
}

}  // namespace nicsentry
