// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/values/value_json.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <ctime>
#include <string_view>

#include "host/base/utf8.h"

namespace nicsentry::programs {
namespace {

static_assert(std::endian::native == std::endian::little, "bit fields are read from the lowest bit on");

constexpr const char* kReplacement = "\\ufffd";

template <typename Value>
Value load(const std::byte* from) {
  Value value{};
  std::memcpy(&value, from, sizeof(value));
  return value;
}

bool is_zero(const std::byte* value, std::size_t size) {
  return std::all_of(value, value + size, [](std::byte one) { return one == std::byte{0}; });
}

template <typename Number>
void append_number(std::string& out, Number number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  while (!text.empty()) {
    const auto character = static_cast<unsigned char>(text.front());
    std::size_t length = 1;
    if (character == '"' || character == '\\') {
      out += '\\';
      out += text.front();
    } else if (character < 0x20 || character == 0x7f) {
      out += "\\u00";
      out += kHex[character >> 4U];
      out += kHex[character & 0xfU];
    } else if (character < 0x80) {
      out += text.front();
    } else if ((length = utf8_length(text)) != 0) {
      out += text.substr(0, length);
    } else {
      length = 1;
      out += kReplacement;
    }
    text.remove_prefix(length);
  }
}

void append_hex(std::string& out, const std::byte* value, std::size_t size, std::string_view between) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t i = 0; i < size; ++i) {
    if (i != 0) {
      out += between;
    }
    out += kHex[std::to_integer<unsigned>(value[i]) >> 4U];
    out += kHex[std::to_integer<unsigned>(value[i]) & 0xfU];
  }
}

void append_address(std::string& out, int family, const std::byte* value) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family, value, text.data(), text.size());
  out += text.data();
}

// RFC 3339, in UTC.
void append_time(std::string& out, std::uint64_t time_ns) {
  constexpr std::uint64_t kNanoseconds = 1'000'000'000;
  const auto seconds = static_cast<std::time_t>(time_ns / kNanoseconds);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  out.append(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &parts));
  std::string fraction;
  append_number(fraction, time_ns % kNanoseconds);
  out.append(9 - fraction.size(), '0');
  out += fraction + "Z";
}

void append_real(std::string& out, const Layout& layout, const std::byte* value) {
  const double number = layout.size == sizeof(float)    ? static_cast<double>(load<float>(value))
                        : layout.size == sizeof(double) ? load<double>(value)
                                                        : std::nan("");
  if (std::isfinite(number)) {
    append_number(out, number);
  } else {
    out += "null";
  }
}

// The value that stands for those of all processors: the latest time, else the first that is not 0.
const std::byte* one_of(const Layout& layout, const ValueView& values) {
  const bool time = layout.form == Layout::Form::time || layout.form == Layout::Form::monotonic_time;
  const std::byte* chosen = values.first;
  for (std::size_t i = 0; i < values.count; ++i) {
    const std::byte* value = values.first + i * values.stride;
    if (time ? load<std::uint64_t>(value) > load<std::uint64_t>(chosen) : is_zero(chosen, layout.size)) {
      chosen = value;
    }
  }
  return chosen;
}

const std::string* name_of_value(const Layout& layout, std::int64_t value) {
  const auto found =
      std::lower_bound(layout.names.begin(), layout.names.end(), value,
                       [](const Layout::Name& name, std::int64_t wanted) { return name.value < wanted; });
  return found != layout.names.end() && found->value == value ? &found->name : nullptr;
}

// Whether the form is written as text, without quotes.
bool append_form(std::string& out, const Layout& layout, const std::byte* value, const ValueStyle& style) {
  switch (layout.form) {
    case Layout::Form::ipv4:
      append_address(out, AF_INET, value);
      return true;
    case Layout::Form::ipv6:
      append_address(out, AF_INET6, value);
      return true;
    case Layout::Form::mac:
      append_hex(out, value, layout.size, ":");
      return true;
    case Layout::Form::time:
      append_time(out, load<std::uint64_t>(value));
      return true;
    case Layout::Form::monotonic_time:
      append_time(out, load<std::uint64_t>(value) + static_cast<std::uint64_t>(style.monotonic_offset_ns));
      return true;
    default:
      return false;
  }
}

void append_network_order(std::string& out, const Layout& layout, const std::byte* value) {
  std::uint64_t number = 0;
  for (std::uint32_t i = 0; i < layout.size; ++i) {
    number = number << 8U | std::to_integer<std::uint64_t>(value[i]);
  }
  append_number(out, number);
}

std::string_view characters_of(const Layout& layout, const std::byte* value) {
  const std::string_view all(reinterpret_cast<const char*>(value), layout.size);
  return all.substr(0, all.find('\0'));
}

void append_characters(std::string& out, const Layout& layout, const std::byte* value) {
  out += '[';
  for (std::uint32_t i = 0; i < layout.size; ++i) {
    if (i != 0) {
      out += ',';
    }
    append_number(out, static_cast<int>(static_cast<signed char>(value[i])));
  }
  out += ']';
}

void append_list(std::string& out, const Layout& layout, const ValueView& values, const ValueStyle& style) {
  out += '[';
  for (std::uint32_t i = 0; i < layout.elements; ++i) {
    if (i != 0) {
      out += ',';
    }
    append_json(out, *layout.element, values.at(std::size_t{i} * layout.element->size), style);
  }
  out += ']';
}

void append_record(std::string& out, const Layout& layout, const ValueView& values, const ValueStyle& style) {
  char before = '{';
  for (const LayoutMember& member : layout.members) {
    out += before;
    before = ',';
    append_json_text(out, member.name);
    out += ':';
    append_json(out, member.layout, values.at(member.offset), style);
  }
  out += layout.members.empty() ? "{}" : "}";
}

void append_plain(std::string& out, const Layout& layout, const ValueView& values) {
  const std::byte* value = one_of(layout, values);
  switch (layout.kind) {
    case Layout::Kind::boolean:
      out += read_integer(layout, value) != 0 ? "true" : "false";
      return;
    case Layout::Kind::real:
      append_real(out, layout, value);
      return;
    default:
      append_integer(out, add_integers(layout, values), layout.is_signed);
  }
}

}  // namespace

void append_integer(std::string& out, WideUnsigned number, bool is_signed) {
  constexpr WideUnsigned kSign = WideUnsigned{1} << 127U;
  if (is_signed && (number & kSign) != 0) {
    out += '-';
    number = ~number + 1;
  }
  if (number <= UINT64_MAX) {
    append_number(out, static_cast<std::uint64_t>(number));
    return;
  }
  std::array<char, 40> digits{};
  std::size_t at = digits.size();
  for (; number != 0; number /= 10) {
    digits[--at] = static_cast<char>('0' + static_cast<int>(number % 10));
  }
  out.append(digits.data() + at, digits.size() - at);
}

WideUnsigned read_integer(const Layout& layout, const std::byte* value) {
  WideUnsigned number = 0;
  if (layout.bit_offset == 0 && layout.bits == 64) {
    number = load<std::uint64_t>(value);
  } else if (layout.bit_offset == 0 && layout.bits == 32) {
    number = load<std::uint32_t>(value);
  } else {
    std::uint64_t low = 0;
    WideUnsigned all = 0;
    std::memcpy(&all, value, std::min<std::size_t>(layout.size, sizeof(all)));
    all >>= layout.bit_offset;
    if (layout.size > sizeof(all)) {  // a bit field of 128 bits that does not begin at a byte
      std::memcpy(&low, value + sizeof(all), layout.size - sizeof(all));
      all |= static_cast<WideUnsigned>(low) << (128U - layout.bit_offset);
    }
    number = layout.bits < 128 ? all & ((WideUnsigned{1} << layout.bits) - 1) : all;
  }
  if (layout.is_signed && layout.bits < 128 && ((number >> (layout.bits - 1)) & 1U) != 0) {
    number |= ~((WideUnsigned{1} << layout.bits) - 1);
  }
  return number;
}

bool can_add(const Layout& layout) { return layout.kind == Layout::Kind::integer && layout.form == Layout::Form::none; }

WideUnsigned add_integers(const Layout& layout, const ValueView& values) {
  if (values.count == 1 || !can_add(layout)) {
    return read_integer(layout, one_of(layout, values));
  }
  WideUnsigned sum = 0;
  for (std::size_t i = 0; i < values.count; ++i) {
    sum += read_integer(layout, values.first + i * values.stride);
  }
  return sum;
}

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

void append_json(std::string& out, const Layout& layout, const ValueView& values, const ValueStyle& style) {
  if (layout.form != Layout::Form::none && !style.raw) {
    const std::byte* value = one_of(layout, values);
    if (layout.form == Layout::Form::network_order) {
      append_network_order(out, layout, value);
      return;
    }
    out += '"';
    append_form(out, layout, value, style);
    out += '"';
    return;
  }
  switch (layout.kind) {
    case Layout::Kind::record:
      append_record(out, layout, values, style);
      return;
    case Layout::Kind::list:
      append_list(out, layout, values, style);
      return;
    case Layout::Kind::text:
      if (style.raw) {
        append_characters(out, layout, one_of(layout, values));
      } else {
        append_json_text(out, characters_of(layout, one_of(layout, values)));
      }
      return;
    case Layout::Kind::bytes:
      out += '"';
      append_hex(out, one_of(layout, values), layout.size, "");
      out += '"';
      return;
    case Layout::Kind::enumeration: {
      const WideUnsigned value = read_integer(layout, one_of(layout, values));
      if (const std::string* name = name_of_value(layout, static_cast<std::int64_t>(value))) {
        append_json_text(out, *name);
        return;
      }
      append_integer(out, value, layout.is_signed);
      return;
    }
    default:
      append_plain(out, layout, values);
  }
}

std::string plain_text(const Layout& layout, const ValueView& values, const ValueStyle& style) {
  std::string text;
  const std::byte* value = one_of(layout, values);
  if (!style.raw && append_form(text, layout, value, style)) {
    return text;
  }
  if (layout.kind == Layout::Kind::text) {
    return as_utf8(characters_of(layout, value));
  }
  append_json(text, layout, values, style);
  if (text.size() >= 2 && text.front() == '"') {  // a name, or bytes
    return text.substr(1, text.size() - 2);
  }
  return text;
}

}  // namespace nicsentry::programs
