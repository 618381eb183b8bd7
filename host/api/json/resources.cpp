// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/resources.h"

#include <charconv>

#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEF";
constexpr std::string_view kUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

}  // namespace

std::string path_of(std::string_view resource, std::string_view value) {
  const std::size_t begin = resource.find('{');
  const std::size_t end = resource.find('}');
  return std::string(resource.substr(0, begin)) + encoded_segment(value) + std::string(resource.substr(end + 1));
}

std::string encoded_segment(std::string_view text) {
  std::string encoded;
  for (const char letter : text) {
    if (kUnreserved.find(letter) != std::string_view::npos) {
      encoded += letter;
    } else {
      const auto byte = static_cast<unsigned char>(letter);
      encoded += {'%', kDigits[byte >> 4U], kDigits[byte & 0xFU]};
    }
  }
  return encoded;
}

std::string decoded_segment(std::string_view segment) {
  std::string text;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      text += segment[i];
      continue;
    }
    const std::string_view digits = segment.substr(i + 1, 2);
    unsigned byte = 0;
    const auto [rest, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || failure != std::errc() || rest != digits.data() + digits.size()) {
      throw BadRequest("path: read '%' without two hexadecimal digits behind it, allowed is percent-encoding");
    }
    text += static_cast<char>(byte);
    i += 2;
  }
  return text;
}

}  // namespace nicsentry
