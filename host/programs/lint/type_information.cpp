// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/type_information.h"

#include <cstring>

#include "host/base/error.h"

namespace nicsentry::lint {
namespace {

constexpr unsigned kNestingMax = 32;  // of typedefs and arrays; a damaged section could have a circle

unsigned kind_in(const btf_type& head) { return BTF_INFO_KIND(head.info); }
unsigned count_in(const btf_type& head) { return BTF_INFO_VLEN(head.info); }

// Words that follow the head of a type, by its kind.
std::size_t words_after(const btf_type& head) {
  switch (kind_in(head)) {
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case BTF_KIND_DECL_TAG:
      return 1;
    case BTF_KIND_ARRAY:
      return 3;
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
    case BTF_KIND_DATASEC:
    case BTF_KIND_ENUM64:
      return std::size_t{3} * count_in(head);
    case BTF_KIND_ENUM:
    case BTF_KIND_FUNC_PROTO:
      return std::size_t{2} * count_in(head);
    default:
      return 0;
  }
}

template <typename Value>
Value read_at(std::span<const std::byte> bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(Value)) {
    throw Error("its section .BTF ends within a type");
  }
  Value value;
  std::memcpy(&value, bytes.data() + offset, sizeof(Value));
  return value;
}

std::span<const std::byte> part_of(std::span<const std::byte> bytes, std::size_t offset, std::size_t length) {
  if (offset > bytes.size() || bytes.size() - offset < length) {
    throw Error("its section .BTF is shorter than its header says");
  }
  return bytes.subspan(offset, length);
}

bool only_names(unsigned kind) {
  return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE || kind == BTF_KIND_RESTRICT ||
         kind == BTF_KIND_TYPE_TAG;
}

}  // namespace

TypeInformation::TypeInformation(std::span<const std::byte> section) {
  const auto header = read_at<btf_header>(section, 0);
  if (header.magic != BTF_MAGIC) {
    throw Error("its section .BTF does not begin as type information does");
  }
  const auto types = part_of(section, std::size_t{header.hdr_len} + header.type_off, header.type_len);
  const auto strings = part_of(section, std::size_t{header.hdr_len} + header.str_off, header.str_len);
  strings_.assign(reinterpret_cast<const char*>(strings.data()), strings.size());
  for (std::size_t at = 0; at < types.size();) {
    Type type;
    type.head = read_at<btf_type>(types, at);
    at += sizeof(btf_type);
    for (std::size_t words = words_after(type.head); words > 0; --words) {
      type.rest.push_back(read_at<std::uint32_t>(types, at));
      at += sizeof(std::uint32_t);
    }
    types_.push_back(std::move(type));
  }
}

const TypeInformation::Type* TypeInformation::find(std::uint32_t type) const {
  return type == 0 || type > types_.size() ? nullptr : &types_[type - 1];
}

std::string TypeInformation::string_at(std::uint32_t offset) const {
  return offset < strings_.size() ? std::string(strings_.c_str() + offset) : std::string();
}

unsigned TypeInformation::kind_of(std::uint32_t type) const {
  const Type* found = find(type);
  return found == nullptr ? 0 : kind_in(found->head);
}

std::uint32_t TypeInformation::without_names(std::uint32_t type) const {
  for (unsigned i = 0; i < kNestingMax && only_names(kind_of(type)); ++i) {
    type = find(type)->head.type;
  }
  return type;
}

std::optional<std::uint32_t> TypeInformation::bytes_of(std::uint32_t type) const {
  std::uint64_t elements = 1;
  for (unsigned i = 0; i < kNestingMax; ++i) {
    type = without_names(type);
    const Type* found = find(type);
    if (found == nullptr) {
      return std::nullopt;
    }
    switch (kind_in(found->head)) {
      case BTF_KIND_INT:
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64:
      case BTF_KIND_FLOAT: {
        const std::uint64_t bytes = elements * found->head.size;
        return bytes > UINT32_MAX ? std::nullopt : std::optional(static_cast<std::uint32_t>(bytes));
      }
      case BTF_KIND_PTR:
        return static_cast<std::uint32_t>(elements * 8);
      case BTF_KIND_ARRAY:
        elements *= found->rest[2];
        if (elements > UINT32_MAX) {
          return std::nullopt;
        }
        type = found->rest[0];
        break;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<std::uint32_t> TypeInformation::target_of(std::uint32_t type) const {
  const Type* found = find(without_names(type));
  if (found == nullptr || kind_in(found->head) != BTF_KIND_PTR) {
    return std::nullopt;
  }
  return found->head.type;
}

std::optional<std::uint32_t> TypeInformation::elements_of(std::uint32_t type) const {
  const Type* found = find(without_names(type));
  if (found == nullptr || kind_in(found->head) != BTF_KIND_ARRAY) {
    return std::nullopt;
  }
  return found->rest[2];
}

std::optional<std::uint32_t> TypeInformation::element_of(std::uint32_t type) const {
  const Type* found = find(without_names(type));
  if (found == nullptr || kind_in(found->head) != BTF_KIND_ARRAY) {
    return std::nullopt;
  }
  return found->rest[0];
}

std::vector<TypeInformation::Member> TypeInformation::members_of(std::uint32_t type) const {
  std::vector<Member> members;
  const Type* found = find(without_names(type));
  if (found == nullptr) {
    return members;
  }
  const unsigned kind = kind_in(found->head);
  const std::vector<std::uint32_t>& rest = found->rest;
  if (kind == BTF_KIND_FUNC_PROTO) {
    for (std::size_t i = 0; i + 1 < rest.size(); i += 2) {
      members.push_back({string_at(rest[i]), rest[i + 1], 0, 0});
    }
  } else if (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION) {
    const bool fields = BTF_INFO_KFLAG(found->head.info);
    for (std::size_t i = 0; i + 2 < rest.size(); i += 3) {
      const std::uint32_t place = rest[i + 2];
      members.push_back({string_at(rest[i]), rest[i + 1], fields ? BTF_MEMBER_BIT_OFFSET(place) : place,
                         fields ? BTF_MEMBER_BITFIELD_SIZE(place) : 0});
    }
  }
  return members;
}

std::optional<TypeInformation::Integer> TypeInformation::integer_of(std::uint32_t type) const {
  const Type* found = find(without_names(type));
  if (found == nullptr || kind_in(found->head) != BTF_KIND_INT) {
    return std::nullopt;
  }
  const std::uint32_t word = found->rest[0];
  const unsigned encoding = BTF_INT_ENCODING(word);
  return Integer{BTF_INT_BITS(word), BTF_INT_OFFSET(word), (encoding & BTF_INT_SIGNED) != 0,
                 (encoding & BTF_INT_BOOL) != 0};
}

bool TypeInformation::is_signed_enumeration(std::uint32_t type) const {
  const Type* found = find(without_names(type));
  return found != nullptr && BTF_INFO_KFLAG(found->head.info);
}

std::vector<TypeInformation::Enumerator> TypeInformation::enumerators_of(std::uint32_t type) const {
  std::vector<Enumerator> enumerators;
  const Type* found = find(without_names(type));
  if (found == nullptr) {
    return enumerators;
  }
  const std::vector<std::uint32_t>& rest = found->rest;
  if (kind_in(found->head) == BTF_KIND_ENUM) {
    for (std::size_t i = 0; i + 1 < rest.size(); i += 2) {
      enumerators.push_back({string_at(rest[i]), static_cast<std::int32_t>(rest[i + 1])});
    }
  } else if (kind_in(found->head) == BTF_KIND_ENUM64) {
    for (std::size_t i = 0; i + 2 < rest.size(); i += 3) {
      const std::uint64_t value = rest[i + 1] | std::uint64_t{rest[i + 2]} << 32;
      enumerators.push_back({string_at(rest[i]), static_cast<std::int64_t>(value)});
    }
  }
  return enumerators;
}

std::vector<std::string> TypeInformation::tags_of(std::uint32_t type, std::optional<std::uint32_t> member) const {
  std::vector<std::string> tags;
  const std::uint32_t component = member ? *member : UINT32_MAX;
  for (const Type& one : types_) {
    if (kind_in(one.head) == BTF_KIND_DECL_TAG && one.head.type == type && one.rest[0] == component) {
      tags.push_back(string_at(one.head.name_off));
    }
  }
  return tags;
}

std::uint32_t TypeInformation::named_by(std::uint32_t type) const {
  return only_names(kind_of(type)) ? find(type)->head.type : 0;
}

std::string TypeInformation::name_of(std::uint32_t type) const {
  const Type* found = find(type);
  return found == nullptr ? std::string() : string_at(found->head.name_off);
}

std::uint32_t TypeInformation::prototype_of(std::uint32_t function) const {
  return kind_of(function) == BTF_KIND_FUNC ? find(function)->head.type : 0;
}

bool TypeInformation::is_global_function(std::uint32_t type) const {
  return kind_of(type) == BTF_KIND_FUNC && count_in(find(type)->head) == BTF_FUNC_GLOBAL;
}

std::vector<TypeInformation::Variable> TypeInformation::variables_of(const std::string& section) const {
  std::vector<Variable> variables;
  for (const Type& type : types_) {
    if (kind_in(type.head) != BTF_KIND_DATASEC || string_at(type.head.name_off) != section) {
      continue;
    }
    for (std::size_t i = 0; i + 2 < type.rest.size(); i += 3) {
      const Type* variable = find(type.rest[i]);
      if (variable != nullptr && kind_in(variable->head) == BTF_KIND_VAR) {
        variables.push_back({string_at(variable->head.name_off), variable->head.type, type.rest[i + 1]});
      }
    }
  }
  return variables;
}

}  // namespace nicsentry::lint
