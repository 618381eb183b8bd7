// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/values/layout.h"

#include <linux/btf.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "host/programs/values/numbers.h"
#include "host/programs/values/value_json.h"
#include "tests/support/tries.h"

namespace nicsentry::programs::layout_test {
namespace {

// A section .BTF, type by type; the first has the number 1.
class TypesText {
 public:
  std::uint32_t name(const std::string& text) {
    const auto at = static_cast<std::uint32_t>(strings_.size());
    strings_ += text + '\0';
    return at;
  }

  std::uint32_t add(const std::string& text, unsigned kind, unsigned count, std::uint32_t size_or_type,
                    const std::vector<std::uint32_t>& rest = {}) {
    words_.insert(words_.end(), {text.empty() ? 0 : name(text), kind << 24U | count, size_or_type});
    words_.insert(words_.end(), rest.begin(), rest.end());
    return ++number_;
  }

  std::uint32_t integer(const std::string& text, std::uint32_t bytes) {
    return add(text, BTF_KIND_INT, 0, bytes, {bytes * 8});
  }

  // A map `M` with these types.
  std::vector<std::byte> section(std::uint32_t key, std::uint32_t value) {
    const std::uint32_t to_key = add("", BTF_KIND_PTR, 0, key);
    const std::uint32_t to_value = add("", BTF_KIND_PTR, 0, value);
    const std::uint32_t definition =
        add("", BTF_KIND_STRUCT, 2, 16, {name("key"), to_key, 0, name("value"), to_value, 64});
    const std::uint32_t variable = add("M", BTF_KIND_VAR, 0, definition, {1});
    add(".maps", BTF_KIND_DATASEC, 1, 16, {variable, 0, 16});
    btf_header header{};
    header.magic = BTF_MAGIC;
    header.version = 1;
    header.hdr_len = sizeof(header);
    header.type_len = static_cast<std::uint32_t>(words_.size() * sizeof(std::uint32_t));
    header.str_off = header.type_len;
    header.str_len = static_cast<std::uint32_t>(strings_.size());
    std::vector<std::byte> bytes(sizeof(header) + header.type_len + header.str_len);
    std::memcpy(bytes.data(), &header, sizeof(header));
    std::memcpy(bytes.data() + sizeof(header), words_.data(), header.type_len);
    std::memcpy(bytes.data() + sizeof(header) + header.type_len, strings_.data(), header.str_len);
    return bytes;
  }

 private:
  std::vector<std::uint32_t> words_;
  std::string strings_ = std::string(1, '\0');
  std::uint32_t number_ = 0;
};

std::string json_of(const Layout& layout, const std::vector<std::uint8_t>& bytes, std::size_t count = 1) {
  std::string text;
  append_json(text, layout, {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size() / count, count}, {});
  return text;
}

}  // namespace

TEST_CASE("a key and a value have the types of the map's definition") {
  TypesText types;
  const std::uint32_t byte = types.integer("unsigned char", 1);
  const std::uint32_t word = types.integer("unsigned int", 4);
  const std::uint32_t pair =
      types.add("pair", BTF_KIND_STRUCT, 2, 8, {types.name("a"), byte, 0, types.name("b"), word, 32});
  const MapLayout layout = layout_of_map(types.section(word, pair), "M", 4, 8);
  CHECK(json_of(layout.key, {1, 2, 0, 0}) == "513");
  CHECK(json_of(layout.value, {7, 0, 0, 0, 8, 0, 0, 1}) == R"({"a":7,"b":16777224})");
}

TEST_CASE("what the types do not say, or say in another size, is read as bytes") {
  TypesText types;
  const std::uint32_t word = types.integer("unsigned int", 4);
  const std::vector<std::byte> section = types.section(word, word);
  CHECK(json_of(layout_of_map(section, "N", 2, 2).value, {0xab, 1}) == R"("ab01")");
  CHECK(json_of(layout_of_map(section, "M", 4, 2).value, {0xab, 1}) == R"("ab01")");
  CHECK(json_of(layout_of_map({}, "M", 4, 2).value, {0xab, 1}) == R"("ab01")");
}

TEST_CASE("types that name themselves, or have too many parts, are read as bytes") {
  TypesText circle;
  circle.integer("unsigned int", 4);
  circle.add("self", BTF_KIND_STRUCT, 1, 4, {circle.name("inner"), 2, 0});
  CHECK(layout_of_map(circle.section(1, 2), "M", 4, 4).value.kind == Layout::Kind::bytes);

  TypesText names;
  names.integer("unsigned int", 4);
  names.add("one", BTF_KIND_TYPEDEF, 0, 3);
  names.add("two", BTF_KIND_TYPEDEF, 0, 2);
  CHECK(layout_of_map(names.section(1, 2), "M", 4, 4).value.kind == Layout::Kind::bytes);

  TypesText wide;  // each structure has the one before twice, at one place
  std::uint32_t inner = wide.integer("unsigned int", 4);
  for (int i = 0; i < 30; ++i) {
    inner =
        wide.add("s" + std::to_string(i), BTF_KIND_UNION, 2, 4, {wide.name("a"), inner, 0, wide.name("b"), inner, 0});
  }
  CHECK(layout_of_map(wide.section(1, inner), "M", 4, 4).value.kind == Layout::Kind::bytes);
}

TEST_CASE("members and arrays that end beyond the value are read as bytes") {
  TypesText types;
  const std::uint32_t word = types.integer("unsigned int", 4);
  const std::uint32_t beyond = types.add("beyond", BTF_KIND_STRUCT, 1, 4, {types.name("a"), word, 8});
  CHECK(layout_of_map(types.section(word, beyond), "M", 4, 4).value.kind == Layout::Kind::bytes);

  TypesText lists;
  const std::uint32_t element = lists.integer("unsigned int", 4);
  const std::uint32_t list = lists.add("", BTF_KIND_ARRAY, 0, 0, {element, element, 0x40000001});
  CHECK(layout_of_map(lists.section(element, list), "M", 4, 4).value.kind == Layout::Kind::bytes);
}

TEST_CASE("damaged types are read as something or as bytes, never beyond the value") {
  TypesText types;
  const std::uint32_t word = types.integer("unsigned int", 4);
  const std::uint32_t text = types.integer("char", 1);
  const std::uint32_t list = types.add("", BTF_KIND_ARRAY, 0, 0, {text, word, 4});
  const std::uint32_t colour = types.add("colour", BTF_KIND_ENUM, 1, 4, {types.name("RED"), 3});
  const std::uint32_t all =
      types.add("all", BTF_KIND_STRUCT, 3, 12,
                {types.name("a"), word, 0, types.name("b"), list, 32, types.name("c"), colour, 64});
  const std::vector<std::byte> whole = types.section(word, all);
  std::mt19937 pick(7);  // NOLINT(cert-msc51-cpp): the same tries each time
  for (int i = 0; i < testing::tries(20000); ++i) {
    std::vector<std::byte> damaged = whole;
    for (auto n = 1 + pick() % 3; n > 0; --n) {
      damaged[pick() % damaged.size()] = static_cast<std::byte>(pick());
    }
    damaged.resize(pick() % 8 == 0 ? pick() % damaged.size() : damaged.size());
    const std::vector<std::uint8_t> value(12, 0x41);
    const MapLayout layout = layout_of_map(damaged, "M", 4, 12);
    REQUIRE(layout.value.size == 12);
    REQUIRE_FALSE(json_of(layout.value, value).empty());
    for (const NumberPart& part : number_parts(layout.value)) {
      REQUIRE(part.offset + part.layout.size <= 12);
    }
  }
}

TEST_CASE("a sum over processors adds integers and takes the latest time and the first address") {
  Layout number;
  number.kind = Layout::Kind::integer;
  number.size = 1;
  number.bits = 8;
  CHECK(json_of(number, {200, 100}, 2) == "300");
  number.is_signed = true;
  CHECK(json_of(number, {0xff, 0xfe}, 2) == "-3");
  Layout address;
  address.kind = Layout::Kind::integer;
  address.form = Layout::Form::ipv4;
  address.size = 4;
  address.bits = 32;
  CHECK(json_of(address, {0, 0, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}, 3) == R"("192.0.2.1")");
  Layout time = address;
  time.form = Layout::Form::time;
  time.size = 8;
  time.bits = 64;
  CHECK(json_of(time, {5, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0}, 3) ==
        R"("1970-01-01T00:00:00.000000009Z")");
}

}  // namespace nicsentry::programs::layout_test
