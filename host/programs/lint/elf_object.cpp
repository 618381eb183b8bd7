// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/elf_object.h"

#include <fcntl.h>
#include <gelf.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry::lint {
namespace {

struct EndElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using OpenElf = std::unique_ptr<Elf, EndElf>;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw Error(path.string() + ": " + why);
}

void check_header(const std::filesystem::path& path, Elf* elf) {
  GElf_Ehdr header{};
  if (elf == nullptr || elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, &header) == nullptr) {
    refuse(path, "is not an ELF object; clang -target bpf -c makes one");
  }
  if (header.e_machine != EM_BPF || header.e_type != ET_REL) {
    refuse(path, "is an ELF file, but not an object for BPF; clang -target bpf -c makes one");
  }
  if (gelf_getclass(elf) != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    refuse(path, "is not a little-endian object (clang -target bpfel)");
  }
}

}  // namespace

ElfObject::ElfObject(const std::filesystem::path& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    throw SystemError(errno, "opening " + path.string());
  }
  elf_version(EV_CURRENT);
  const OpenElf elf(elf_begin(file.get(), ELF_C_READ, nullptr));
  check_header(path, elf.get());
  std::size_t names = 0;
  std::size_t count = 0;
  if (elf_getshdrstrndx(elf.get(), &names) != 0 || elf_getshdrnum(elf.get(), &count) != 0) {
    refuse(path, "has a damaged ELF header");
  }
  sections_.resize(count);
  relocations_.resize(count);
  for (Elf_Scn* scn = elf_nextscn(elf.get(), nullptr); scn != nullptr; scn = elf_nextscn(elf.get(), scn)) {
    GElf_Shdr header{};
    if (gelf_getshdr(scn, &header) == nullptr) {
      refuse(path, "has a damaged section header");
    }
    Section& section = sections_[elf_ndxscn(scn)];
    const char* name = elf_strptr(elf.get(), names, header.sh_name);
    section = {name != nullptr ? name : "", header.sh_type, header.sh_flags, header.sh_size, {}};
    if (header.sh_type == SHT_NOBITS || header.sh_size == 0) {
      continue;
    }
    const Elf_Data* data = elf_rawdata(scn, nullptr);
    if (data == nullptr || data->d_buf == nullptr) {
      refuse(path, "its section " + section.name + " goes beyond the end of the file");
    }
    const auto* first = static_cast<const std::byte*>(data->d_buf);
    section.bytes.assign(first, first + data->d_size);
  }
  for (Elf_Scn* scn = elf_nextscn(elf.get(), nullptr); scn != nullptr; scn = elf_nextscn(elf.get(), scn)) {
    GElf_Shdr header{};
    gelf_getshdr(scn, &header);
    Elf_Data* data = elf_getdata(scn, nullptr);
    if (data == nullptr || header.sh_entsize == 0) {
      continue;
    }
    const auto entries = static_cast<int>(header.sh_size / header.sh_entsize);
    if (header.sh_type == SHT_SYMTAB) {
      for (int i = 0; i < entries; ++i) {
        GElf_Sym symbol{};
        if (gelf_getsym(data, i, &symbol) == nullptr) {
          refuse(path, "has a damaged symbol table");
        }
        const char* name = elf_strptr(elf.get(), header.sh_link, symbol.st_name);
        const std::size_t section = symbol.st_shndx < count ? symbol.st_shndx : 0;
        const auto bits = [](int part) { return static_cast<unsigned>(part); };
        symbols_.push_back({name != nullptr ? name : "", section, symbol.st_value, symbol.st_size,
                            bits(GELF_ST_TYPE(symbol.st_info)), bits(GELF_ST_BIND(symbol.st_info)),
                            bits(GELF_ST_VISIBILITY(symbol.st_other))});
      }
    } else if (header.sh_type == SHT_REL && header.sh_info < count) {
      for (int i = 0; i < entries; ++i) {
        GElf_Rel relocation{};
        if (gelf_getrel(data, i, &relocation) == nullptr) {
          refuse(path, "has a damaged relocation");
        }
        relocations_[header.sh_info].push_back({relocation.r_offset,
                                                static_cast<std::size_t>(GELF_R_SYM(relocation.r_info)),
                                                static_cast<std::uint32_t>(GELF_R_TYPE(relocation.r_info))});
      }
    }
  }
  for (const auto& relocations : relocations_) {
    for (const Relocation& relocation : relocations) {
      if (relocation.symbol >= symbols_.size()) {
        refuse(path, "has a relocation without a symbol");
      }
    }
  }
}

std::size_t ElfObject::number_of(const std::string& name) const {
  for (std::size_t i = 1; i < sections_.size(); ++i) {
    if (sections_[i].name == name) {
      return i;
    }
  }
  return 0;
}

const ElfObject::Section* ElfObject::find(const std::string& name) const {
  const std::size_t number = number_of(name);
  return number == 0 ? nullptr : &sections_[number];
}

}  // namespace nicsentry::lint
