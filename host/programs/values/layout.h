// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nicsentry::programs {

struct LayoutMember;

// How bytes in a map are read: a C type.
struct Layout {
  enum class Kind : std::uint8_t { integer, boolean, real, enumeration, text, bytes, list, record };
  // The form that an author gives a type by its name or a tag (docs/own-programs.md). The kind is the type's own.
  enum class Form : std::uint8_t { none, network_order, ipv4, ipv6, mac, time, monotonic_time };
  struct Name {
    std::int64_t value = 0;
    std::string name;
  };

  Kind kind = Kind::bytes;
  Form form = Form::none;
  std::uint32_t size = 0;  // bytes
  // Integers and enumerations, also as bit fields:
  bool is_signed = false;
  std::uint32_t bit_offset = 0;  // from the lowest bit of the first byte
  std::uint32_t bits = 0;

  std::vector<Name> names;            // of an enumeration, sorted by value
  std::vector<LayoutMember> members;  // of a record: a structure or union
  std::shared_ptr<Layout> element;    // of a list
  std::uint32_t elements = 0;         // of a list
};

struct LayoutMember {
  std::string name;
  std::uint32_t offset = 0;  // bytes
  Layout layout;
};

struct MapLayout {
  Layout key;  // size 0: a queue's or stack's
  Layout value;
};

// The layout of the map of this name in an object's type information (.BTF). What the types do not say, or say in
// another size than the map has, is read as bytes. Never throws for damaged types.
MapLayout layout_of_map(std::span<const std::byte> types, const std::string& map, std::uint32_t key_bytes,
                        std::uint32_t value_bytes);

}  // namespace nicsentry::programs
