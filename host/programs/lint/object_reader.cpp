// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/object_reader.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "host/base/error.h"
#include "host/programs/lint/elf_object.h"
#include "host/programs/lint/line_information.h"
#include "host/programs/lint/object_maps.h"

namespace nicsentry::lint {
namespace {

constexpr std::uint32_t kRelocateWide = 1;   // R_BPF_64_64: of a wide constant
constexpr std::uint32_t kRelocateCall = 10;  // R_BPF_64_32
constexpr std::size_t kInstructionsMax = 1'000'000;

// A function as it stands in its section.
struct Code {
  std::string name;
  std::size_t section = 0;
  std::size_t first = 0;
  std::size_t count = 0;
  std::size_t linked_at = 0;  // 0: not yet, but for the program itself
};

TypeInformation read_types(const ElfObject& object) {
  const ElfObject::Section* section = object.find(".BTF");
  return section == nullptr || section->bytes.empty() ? TypeInformation() : TypeInformation(section->bytes);
}

class Linker {
 public:
  Linker(const ElfObject& object, const std::string& section)
      : object_(object),
        types_(read_types(object)),
        information_(read_line_information(object, types_)),
        maps_(read_maps(object, types_)) {
    for (const ElfObject::Symbol& symbol : object.symbols()) {
      if (symbol.type == STT_FUNC && symbol.section != 0) {
        codes_.push_back({symbol.name, symbol.section, static_cast<std::size_t>(symbol.value / sizeof(Instruction)),
                          static_cast<std::size_t>(symbol.size / sizeof(Instruction)), 0});
      }
    }
    image_.section = section;
    image_.maps = maps_.maps;
    const ElfObject::Section* license = object.find("license");
    image_.gpl = license != nullptr && is_gpl(*license);
  }

  ProgramImage link() {
    const std::size_t main = find_program();
    codes_[main].linked_at = 0;
    image_.name = codes_[main].name;
    append(main);
    linked_.insert(main);
    relocate(main);
    return std::move(image_);
  }

 private:
  static bool is_gpl(const ElfObject::Section& section) {
    const std::string text(reinterpret_cast<const char*>(section.bytes.data()),
                           strnlen(reinterpret_cast<const char*>(section.bytes.data()), section.bytes.size()));
    static const std::set<std::string> compatible{"GPL",          "GPL v2",       "GPL and additional rights",
                                                  "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};
    return compatible.contains(text);
  }

  std::size_t find_program() const {
    std::set<std::string> sections;
    for (std::size_t i = 0; i < codes_.size(); ++i) {
      const std::string& name = object_.sections()[codes_[i].section].name;
      if (name == image_.section) {
        return i;
      }
      if (name != ".text") {
        sections.insert(name);
      }
    }
    std::string all;
    for (const std::string& name : sections) {
      all += (all.empty() ? "" : ", ") + name;
    }
    throw Error("there is no program in section '" + image_.section +
                "'; sections with programs: " + (all.empty() ? "none" : all));
  }

  void append(std::size_t index) {
    const Code& code = codes_[index];
    const auto& bytes = object_.sections()[code.section].bytes;
    const std::size_t available = bytes.size() / sizeof(Instruction);
    if (code.count == 0 || code.first > available || available - code.first < code.count) {
      throw Error("function " + code.name + "() goes beyond its section");
    }
    const std::size_t at = image_.instructions.size();
    if (at + code.count > kInstructionsMax) {
      throw Error("it has more than " + std::to_string(kInstructionsMax) + " instructions");
    }
    image_.instructions.resize(at + code.count);
    std::memcpy(image_.instructions.data() + at, bytes.data() + code.first * sizeof(Instruction),
                code.count * sizeof(Instruction));
    describe(code, at);
  }

  void describe(const Code& code, std::size_t at) {
    Function function;
    function.name = code.name;
    function.first = at;
    const auto found = information_.find(object_.sections()[code.section].name);
    if (found != information_.end()) {
      for (auto line = found->second.lines.lower_bound(code.first);
           line != found->second.lines.end() && line->first < code.first + code.count; ++line) {
        image_.lines[at + line->first - code.first] = line->second;
      }
      const auto type = found->second.functions.find(code.first);
      if (type != found->second.functions.end()) {
        function.global = types_.is_global_function(type->second) && !hidden(code);
        for (const auto& member : types_.members_of(types_.prototype_of(type->second))) {
          function.parameters.push_back(parameter(member.type));
        }
      }
    }
    image_.functions.push_back(std::move(function));
  }

  // libbpf makes static functions of these.
  bool hidden(const Code& code) const {
    return std::any_of(object_.symbols().begin(), object_.symbols().end(), [&code](const ElfObject::Symbol& symbol) {
      return symbol.name == code.name && symbol.type == STT_FUNC &&
             (symbol.visibility == STV_HIDDEN || symbol.visibility == STV_INTERNAL);
    });
  }

  Parameter parameter(std::uint32_t type) const {
    const std::uint32_t plain = types_.without_names(type);
    switch (types_.kind_of(plain)) {
      case BTF_KIND_INT:
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64:
        return {Parameter::Kind::scalar, 0};
      case BTF_KIND_PTR: {
        const std::uint32_t target = types_.without_names(types_.target_of(plain).value_or(0));
        if (types_.name_of(target) == "xdp_md") {
          return {Parameter::Kind::context, 0};
        }
        const auto bytes = types_.bytes_of(target);
        return bytes ? Parameter{Parameter::Kind::memory, *bytes} : Parameter{Parameter::Kind::other, 0};
      }
      default:
        return {Parameter::Kind::other, 0};
    }
  }

  const ElfObject::Relocation* relocation_at(std::size_t section, std::size_t instruction) const {
    for (const ElfObject::Relocation& relocation : object_.relocations_of(section)) {
      if (relocation.offset == instruction * sizeof(Instruction)) {
        return &relocation;
      }
    }
    return nullptr;
  }

  // Resolves maps and calls of a function that is in the image, and appends what it calls.
  void relocate(std::size_t index) {
    const Code code = codes_[index];
    for (std::size_t i = 0; i < code.count; ++i) {
      const std::size_t at = code.linked_at + i;
      const ElfObject::Relocation* relocation = relocation_at(code.section, code.first + i);
      const Instruction instruction = image_.instructions[at];
      if (is_wide_constant(instruction)) {
        if (i + 1 >= code.count) {
          throw Error("function " + code.name + "() ends within a wide constant");
        }
        if (relocation != nullptr) {
          resolve_constant(at, *relocation);
        }
        ++i;
      } else if (is_function_call(instruction)) {
        call(code, i, relocation);
      } else if (relocation != nullptr) {
        image_.unresolved.push_back("function " + code.name + "() uses '" + object_.symbols()[relocation->symbol].name +
                                    "', which is not part of the object");
      }
    }
  }

  void resolve_constant(std::size_t at, const ElfObject::Relocation& relocation) {
    const ElfObject::Symbol& symbol = object_.symbols()[relocation.symbol];
    Instruction& low = image_.instructions[at];
    Instruction& high = image_.instructions[at + 1];
    const auto addend = static_cast<std::uint32_t>(low.imm);
    const auto map = maps_.at.find({symbol.section, symbol.value + (symbol.type == STT_SECTION ? addend : 0)});
    const auto data = maps_.data_sections.find(symbol.section);
    if (relocation.type == kRelocateWide && map != maps_.at.end()) {
      low.src_reg = BPF_PSEUDO_MAP_FD;
      low.imm = static_cast<std::int32_t>(map->second);
      high.imm = 0;
    } else if (relocation.type == kRelocateWide && data != maps_.data_sections.end()) {
      low.src_reg = BPF_PSEUDO_MAP_VALUE;
      high.imm = static_cast<std::int32_t>(symbol.value + addend);
      low.imm = static_cast<std::int32_t>(data->second);
    } else if (relocation.type == kRelocateWide && symbol.section != 0) {
      low.src_reg = BPF_PSEUDO_FUNC;
    } else {
      image_.unresolved.push_back("'" + symbol.name + "' is not part of the object");
    }
  }

  void call(const Code& caller, std::size_t i, const ElfObject::Relocation* relocation) {
    const std::size_t at = caller.linked_at + i;
    std::size_t section = caller.section;
    std::int64_t target = static_cast<std::int64_t>(caller.first + i) + image_.instructions[at].imm + 1;
    if (relocation != nullptr) {
      const ElfObject::Symbol& symbol = object_.symbols()[relocation->symbol];
      if (relocation->type != kRelocateCall || symbol.section == 0) {
        image_.unresolved.push_back("function " + symbol.name + "() is not part of the object");
        image_.instructions[at].src_reg = BPF_PSEUDO_KFUNC_CALL;
        return;
      }
      section = symbol.section;
      target = static_cast<std::int64_t>(symbol.value / sizeof(Instruction)) + image_.instructions[at].imm + 1;
    }
    const std::optional<std::size_t> callee = code_at(section, target);
    if (!callee) {
      throw Error("function " + caller.name + "() calls into the middle of another one");
    }
    if (!linked_.contains(*callee)) {
      codes_[*callee].linked_at = image_.instructions.size();
      linked_.insert(*callee);
      append(*callee);
      relocate(*callee);
    }
    image_.instructions[at].imm =
        static_cast<std::int32_t>(codes_[*callee].linked_at) - static_cast<std::int32_t>(at) - 1;
  }

  std::optional<std::size_t> code_at(std::size_t section, std::int64_t instruction) const {
    for (std::size_t i = 0; i < codes_.size(); ++i) {
      if (codes_[i].section == section && static_cast<std::int64_t>(codes_[i].first) == instruction) {
        return i;
      }
    }
    return std::nullopt;
  }

  const ElfObject& object_;
  TypeInformation types_;
  std::map<std::string, SectionInformation> information_;
  ObjectMaps maps_;
  std::vector<Code> codes_;
  std::set<std::size_t> linked_;
  ProgramImage image_;
};

}  // namespace

ProgramImage read_program(const std::filesystem::path& object, const std::string& section) {
  const ElfObject elf(object);
  try {
    return Linker(elf, section).link();
  } catch (const Error& error) {
    throw Error(object.string() + ": " + error.what());
  }
}

}  // namespace nicsentry::lint
