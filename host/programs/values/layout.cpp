// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/values/layout.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "host/base/error.h"
#include "host/programs/lint/type_information.h"

namespace nicsentry::programs {
namespace {

using lint::TypeInformation;

constexpr unsigned kDepthMax = 32;
constexpr std::size_t kPartsMax = 65536;  // of one type; a damaged object could name far more
constexpr std::string_view kTagPrefix = "nicsentry:";

struct NamedForm {
  std::string_view name;  // of a typedef, or behind the prefix of a tag
  Layout::Form form;
  std::uint32_t size;
};

constexpr std::array<NamedForm, 6> kTags = {{{"ipv4", Layout::Form::ipv4, 4},
                                             {"ipv6", Layout::Form::ipv6, 16},
                                             {"mac", Layout::Form::mac, 6},
                                             {"port", Layout::Form::network_order, 2},
                                             {"time", Layout::Form::time, 8},
                                             {"ktime", Layout::Form::monotonic_time, 8}}};
constexpr std::array<NamedForm, 11> kTypeNames = {{{"ipv4_addr", Layout::Form::ipv4, 4},
                                                   {"in_addr", Layout::Form::ipv4, 4},
                                                   {"ipv6_addr", Layout::Form::ipv6, 16},
                                                   {"in6_addr", Layout::Form::ipv6, 16},
                                                   {"mac_addr", Layout::Form::mac, 6},
                                                   {"port_be", Layout::Form::network_order, 2},
                                                   {"__be16", Layout::Form::network_order, 2},
                                                   {"__be32", Layout::Form::network_order, 4},
                                                   {"__be64", Layout::Form::network_order, 8},
                                                   {"time_ns", Layout::Form::time, 8},
                                                   {"ktime_ns", Layout::Form::monotonic_time, 8}}};

template <std::size_t Count>
const NamedForm* find_form(const std::array<NamedForm, Count>& forms, std::string_view name) {
  const auto found =
      std::find_if(forms.begin(), forms.end(), [name](const NamedForm& one) { return one.name == name; });
  return found != forms.end() ? &*found : nullptr;
}

Layout bytes_layout(std::uint32_t size) {
  Layout layout;
  layout.size = size;
  return layout;
}

// Gives a form to a type, or to the elements of a list. A form of another size is left out.
void apply_form(Layout& layout, const NamedForm& form) {
  if (layout.size == form.size && layout.form == Layout::Form::none && layout.bits % 8 == 0) {
    layout.form = form.form;
  } else if (layout.kind == Layout::Kind::list && layout.element->size == form.size) {
    layout.element->form = form.form;
  }
}

void apply_tags(Layout& layout, const std::vector<std::string>& tags) {
  for (const std::string& tag : tags) {
    if (tag.starts_with(kTagPrefix)) {
      if (const NamedForm* form = find_form(kTags, std::string_view(tag).substr(kTagPrefix.size()))) {
        layout.form = Layout::Form::none;  // a tag says more than the name of a type
        apply_form(layout, *form);
      }
    }
  }
}

// Reads C types. Throws Error for what cannot be one.
class LayoutReader {
 public:
  explicit LayoutReader(const TypeInformation& types) : types_(types) {}

  Layout read(std::uint32_t type) { return read(type, 0); }

 private:
  Layout read(std::uint32_t type, unsigned depth) {
    if (depth > kDepthMax || ++parts_ > kPartsMax) {
      throw Error("a type has too many parts");
    }
    if (const std::uint32_t named = types_.named_by(type)) {
      Layout layout = read(named, depth + 1);
      if (const NamedForm* form = find_form(kTypeNames, types_.name_of(type))) {
        apply_form(layout, *form);
      }
      apply_tags(layout, types_.tags_of(type));
      return layout;
    }
    switch (types_.kind_of(type)) {
      case BTF_KIND_INT:
        return integer(type);
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64:
        return enumeration(type);
      case BTF_KIND_PTR:
        return plain(Layout::Kind::integer, 8);
      case BTF_KIND_FLOAT:
        return plain(Layout::Kind::real, size_of(type));
      case BTF_KIND_ARRAY:
        return list(type, depth);
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
        return record(type, depth);
      default:
        throw Error("a type has no size");
    }
  }

  std::uint32_t size_of(std::uint32_t type) const {
    const auto size = types_.bytes_of(type);
    if (!size) {
      throw Error("a type has no size");
    }
    return *size;
  }

  static Layout plain(Layout::Kind kind, std::uint32_t size) {
    Layout layout;
    layout.kind = kind;
    layout.size = size;
    layout.bits = size * 8;
    return layout;
  }

  Layout integer(std::uint32_t type) const {
    const TypeInformation::Integer read = *types_.integer_of(type);
    Layout layout = plain(read.is_bool ? Layout::Kind::boolean : Layout::Kind::integer, size_of(type));
    if (layout.size == 0 || layout.size > 16 || read.bits == 0 || read.bit_offset + read.bits > layout.size * 8) {
      throw Error("an integer has a size that none has");
    }
    layout.bits = read.bits;
    layout.bit_offset = read.bit_offset;
    layout.is_signed = read.is_signed;
    return layout;
  }

  Layout enumeration(std::uint32_t type) const {
    Layout layout = plain(Layout::Kind::enumeration, size_of(type));
    if (layout.size == 0 || layout.size > 8) {
      throw Error("an enumeration has a size that none has");
    }
    layout.is_signed = types_.is_signed_enumeration(type);
    for (TypeInformation::Enumerator& one : types_.enumerators_of(type)) {
      const bool narrow = !layout.is_signed && layout.size <= 4;
      layout.names.push_back({narrow ? static_cast<std::uint32_t>(one.value) : one.value, std::move(one.name)});
    }
    std::stable_sort(layout.names.begin(), layout.names.end(),
                     [](const auto& one, const auto& two) { return one.value < two.value; });
    return layout;
  }

  bool is_character(std::uint32_t type) const {
    return types_.kind_of(type) == BTF_KIND_INT && types_.name_of(type) == "char" && types_.bytes_of(type) == 1U;
  }

  Layout list(std::uint32_t type, unsigned depth) {
    const std::uint32_t element = *types_.element_of(type);
    Layout layout = plain(is_character(types_.without_names(element)) ? Layout::Kind::text : Layout::Kind::list, 0);
    layout.bits = 0;
    layout.element = std::make_shared<Layout>(read(element, depth + 1));
    layout.elements = *types_.elements_of(type);
    const std::uint64_t size = std::uint64_t{layout.elements} * layout.element->size;
    if (size > UINT32_MAX || layout.element->size == 0) {
      throw Error("an array has a size that none has");
    }
    layout.size = static_cast<std::uint32_t>(size);
    return layout;
  }

  Layout record(std::uint32_t type, unsigned depth) {
    Layout layout = plain(Layout::Kind::record, size_of(type));
    layout.bits = 0;
    const std::vector<TypeInformation::Member> members = types_.members_of(type);
    for (std::uint32_t i = 0; i < members.size(); ++i) {
      LayoutMember made = member(members[i], depth);
      if (std::uint64_t{made.offset} + made.layout.size > layout.size) {
        throw Error("a member ends beyond its structure");
      }
      apply_tags(made.layout, types_.tags_of(type, i));
      if (made.name.empty() && made.layout.kind == Layout::Kind::record) {
        for (LayoutMember& inner : made.layout.members) {
          inner.offset += made.offset;
          layout.members.push_back(std::move(inner));
        }
      } else {
        layout.members.push_back(std::move(made));
      }
    }
    if (const NamedForm* form = find_form(kTypeNames, types_.name_of(type))) {
      apply_form(layout, *form);
    }
    return layout;
  }

  LayoutMember member(const TypeInformation::Member& read_member, unsigned depth) {
    LayoutMember made{read_member.name, read_member.bit_offset / 8, read(read_member.type, depth + 1)};
    if (read_member.bits != 0) {
      Layout& layout = made.layout;
      layout.bit_offset = read_member.bit_offset % 8;
      layout.bits = read_member.bits;
      if (layout.bits > layout.size * 8 || layout.kind == Layout::Kind::list || layout.kind == Layout::Kind::record) {
        throw Error("a bit field is wider than its type");
      }
      layout.size = (layout.bit_offset + layout.bits + 7) / 8;
      layout.form = Layout::Form::none;
    }
    return made;
  }

  const TypeInformation& types_;
  std::size_t parts_ = 0;
};

// Reads a map's definition: a structure whose members `key` and `value` point to the types.
Layout part_of_map(const TypeInformation& types, std::uint32_t definition, const char* part, std::uint32_t size) {
  for (const TypeInformation::Member& member : types.members_of(definition)) {
    const std::optional<std::uint32_t> target =
        member.name == part ? types.target_of(member.type) : std::optional<std::uint32_t>();
    if (target) {
      Layout layout = LayoutReader(types).read(*target);
      return layout.size == size ? layout : bytes_layout(size);
    }
  }
  return bytes_layout(size);
}

}  // namespace

MapLayout layout_of_map(std::span<const std::byte> section, const std::string& map, std::uint32_t key_bytes,
                        std::uint32_t value_bytes) {
  MapLayout layout{bytes_layout(key_bytes), bytes_layout(value_bytes)};
  try {
    const TypeInformation types(section);
    for (const TypeInformation::Variable& variable : types.variables_of(".maps")) {
      if (variable.name == map) {
        layout.value = part_of_map(types, variable.type, "value", value_bytes);
        layout.key = part_of_map(types, variable.type, "key", key_bytes);
      }
    }
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): what cannot be read by its type is read as bytes
  }
  return layout;
}

}  // namespace nicsentry::programs
