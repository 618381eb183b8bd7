// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/address_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "host/base/error.h"
#include "host/packet/ip_header.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

constexpr std::size_t kSetNameLongest = 63;

unsigned address_bits(const IpAddress& address) { return address.version == 6 ? 128 : 32; }

// Parses a number up to `highest` at the start of the text and removes it there. Refuses a leading zero, which some
// read as octal.
bool take_number(std::string_view& text, unsigned highest, unsigned& number) {
  std::size_t digits = 0;
  number = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    number = number * 10 + static_cast<unsigned>(text[digits] - '0');
    ++digits;
    if (number > highest || (digits == 2 && text[0] == '0')) return false;
  }
  text.remove_prefix(digits);
  return digits > 0;
}

bool read_ipv4(std::string_view text, IpAddress& address) {
  address = {};
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) {
      if (text.empty() || text.front() != '.') return false;
      text.remove_prefix(1);
    }
    unsigned number = 0;
    if (!take_number(text, 255, number)) return false;
    address.bytes[i] = static_cast<std::uint8_t>(number);
  }
  return text.empty();
}

bool read_ipv6(std::string_view text, IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
  std::copy(text.begin(), text.end(), terminated.begin());
  address = {};
  address.version = 6;
  return inet_pton(AF_INET6, terminated.data(), address.bytes.data()) == 1;
}

bool read_address(std::string_view text, IpAddress& address) {
  return text.find(':') == std::string_view::npos ? read_ipv4(text, address) : read_ipv6(text, address);
}

AddressRange prefix_range(const IpAddress& address, unsigned length) {
  AddressRange range{address, address};
  for (unsigned i = length; i < address_bits(address); i = (i / 8 + 1) * 8) {
    const auto host_bits = static_cast<std::uint8_t>(0xffU >> i % 8);
    range.first.bytes[i / 8] = static_cast<std::uint8_t>(range.first.bytes[i / 8] & ~host_bits);
    range.last.bytes[i / 8] = static_cast<std::uint8_t>(range.last.bytes[i / 8] | host_bits);
  }
  return range;
}

// "255.255.255.0"
std::optional<unsigned> netmask_length(std::string_view text) {
  IpAddress mask;
  if (!read_ipv4(text, mask)) return std::nullopt;
  unsigned length = 0;
  while (length < 32 && (mask.bytes[length / 8] & 0x80U >> length % 8) != 0) ++length;
  return prefix_range(mask, length).first == mask ? std::optional(length) : std::nullopt;
}

ReadRange read_prefix(std::string_view address_text, std::string_view length_text) {
  IpAddress address;
  if (!read_address(address_text, address)) return {{}, "no address before '/'"};
  if (address.version == 4 && length_text.find('.') != std::string_view::npos) {
    const auto length = netmask_length(length_text);
    return length ? ReadRange{prefix_range(address, *length)} : ReadRange{{}, "a netmask's ones come before its zeros"};
  }
  unsigned length = 0;
  if (!take_number(length_text, address_bits(address), length) || !length_text.empty()) {
    return {{}, address.version == 6 ? "a prefix's length is 0 to 128" : "a prefix's length is 0 to 32"};
  }
  return {prefix_range(address, length)};
}

IpAddress without_mapping(const IpAddress& address) {
  IpAddress ipv4;
  std::copy(address.bytes.begin() + 12, address.bytes.end(), ipv4.bytes.begin());
  return ipv4;
}

ReadRange read_range_as_written(std::string_view text) {
  if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
    AddressRange range;
    if (!read_address(trimmed(text.substr(0, dash)), range.first)) return {{}, "no address before '-'"};
    if (!read_address(trimmed(text.substr(dash + 1)), range.last)) return {{}, "no address after '-'"};
    if (range.first.version != range.last.version) return {{}, "a range is of one family"};
    if (range.last.bytes < range.first.bytes) return {{}, "a range begins at its lower address"};
    return {range};
  }
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    return read_prefix(text.substr(0, slash), text.substr(slash + 1));
  }
  AddressRange range;
  if (!read_address(text, range.first)) return {{}, "no address"};
  range.last = range.first;
  return {range};
}

// Appends the prefixes of `range` within the prefix that begins at `start`. Halves that prefix recursively.
void add_prefixes(const AddressRange& range, const IpAddress& start, unsigned length,
                  std::vector<AddressRange>& prefixes) {
  const AddressRange prefix = prefix_range(start, length);
  if (prefix.last.bytes < range.first.bytes || range.last.bytes < prefix.first.bytes) return;
  if (range.contains(prefix.first) && range.contains(prefix.last)) {
    prefixes.push_back(prefix);
    return;
  }
  IpAddress middle = start;
  middle.bytes[length / 8] = static_cast<std::uint8_t>(middle.bytes[length / 8] | 0x80U >> length % 8);
  add_prefixes(range, start, length + 1, prefixes);
  add_prefixes(range, middle, length + 1, prefixes);
}

}  // namespace

ReadRange read_address_range(std::string_view text) {
  ReadRange read = read_range_as_written(text);
  if (read.wrong == nullptr && is_mapped(read.range.first) && is_mapped(read.range.last)) {
    // An IPv4-mapped address means the IPv4 address.
    read.range = {without_mapping(read.range.first), without_mapping(read.range.last)};
    if (read.range.prefix_length() == 0) {
      return {{}, "for all IPv4 addresses write 0.0.0.0/0; IPv6 packets with mapped addresses are malformed"};
    }
  }
  return read;
}

AddressRange parse_address_range(std::string_view text) {
  const ReadRange read = read_address_range(trimmed(text));
  if (read.wrong != nullptr) {
    throw BadRequest("read " + excerpt(text) + " (" + read.wrong +
                     "), allowed is an address, a prefix or a range of IPv4 or IPv6 (\"10.0.0.1\", \"10.0.0.0/24\", "
                     "\"10.0.0.1-10.0.0.9\", \"2001:db8::/32\")");
  }
  return read.range;
}

std::vector<AddressRange> prefixes_of(const AddressRange& range) {
  if (range.prefix_length()) return {range};
  std::vector<AddressRange> prefixes;
  IpAddress start;
  start.version = range.first.version;
  add_prefixes(range, start, 0, prefixes);
  return prefixes;
}

void check_set_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  if (name.empty() || name.size() > kSetNameLongest || !std::all_of(name.begin(), name.end(), allowed)) {
    throw BadRequest("set name: read " + excerpt(name) + ", allowed is 1 to 63 of letters, digits, '_', '-' and '.'");
  }
}

}  // namespace nicsentry
