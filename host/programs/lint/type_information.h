// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/btf.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nicsentry::lint {

// The types of an object, from its section .BTF (Documentation/bpf/btf.rst in the kernel's source). Throws Error where
// the section is damaged.
class TypeInformation {
 public:
  struct Member {
    std::string name;
    std::uint32_t type = 0;
    std::uint32_t bit_offset = 0;  // of structures and unions
    std::uint32_t bits = 0;        // of a bit field; 0: the member is as wide as its type
  };
  struct Integer {
    std::uint32_t bits = 0;
    std::uint32_t bit_offset = 0;  // in the bytes of the type
    bool is_signed = false;
    bool is_bool = false;
  };
  struct Enumerator {
    std::string name;
    std::int64_t value = 0;
  };
  struct Variable {
    std::string name;
    std::uint32_t type = 0;
    std::uint32_t offset = 0;  // in its section
  };

  TypeInformation() = default;  // none
  explicit TypeInformation(std::span<const std::byte> section);

  bool empty() const { return types_.empty(); }
  std::string string_at(std::uint32_t offset) const;
  unsigned kind_of(std::uint32_t type) const;                          // BTF_KIND_*; 0 for void and unknown ones
  std::uint32_t without_names(std::uint32_t type) const;               // behind typedefs and qualifiers
  std::optional<std::uint32_t> bytes_of(std::uint32_t type) const;     // nothing if it has no size
  std::optional<std::uint32_t> target_of(std::uint32_t type) const;    // of a pointer
  std::optional<std::uint32_t> elements_of(std::uint32_t type) const;  // of an array
  std::optional<std::uint32_t> element_of(std::uint32_t type) const;   // their type
  std::vector<Member> members_of(std::uint32_t type) const;            // of a structure or union; of a prototype
  std::optional<Integer> integer_of(std::uint32_t type) const;         // nothing for other kinds
  std::vector<Enumerator> enumerators_of(std::uint32_t type) const;
  bool is_signed_enumeration(std::uint32_t type) const;
  // The tags of a type (btf_decl_tag), or of a member of it by its number.
  std::vector<std::string> tags_of(std::uint32_t type, std::optional<std::uint32_t> member = {}) const;
  std::uint32_t named_by(std::uint32_t type) const;  // one step behind a typedef or qualifier; 0 for other kinds
  std::string name_of(std::uint32_t type) const;
  std::uint32_t prototype_of(std::uint32_t function) const;
  bool is_global_function(std::uint32_t type) const;
  std::vector<Variable> variables_of(const std::string& section) const;

 private:
  struct Type {
    btf_type head{};
    std::vector<std::uint32_t> rest;  // the words after the head
  };
  const Type* find(std::uint32_t type) const;

  std::vector<Type> types_;  // the first has the number 1
  std::string strings_;
};

}  // namespace nicsentry::lint
