// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace nicsentry::lint {

// An ELF object for BPF, read into memory.
class ElfObject {
 public:
  struct Section {
    std::string name;
    std::uint32_t type = 0;   // SHT_*
    std::uint64_t flags = 0;  // SHF_*
    std::uint64_t size = 0;
    std::vector<std::byte> bytes;  // nothing of .bss
  };
  struct Symbol {
    std::string name;
    std::size_t section = 0;  // its number; 0: not defined in the object
    std::uint64_t value = 0;
    std::uint64_t size = 0;
    unsigned type = 0;     // STT_*
    unsigned binding = 0;  // STB_*
    unsigned visibility = 0;
  };
  struct Relocation {
    std::uint64_t offset = 0;
    std::size_t symbol = 0;
    std::uint32_t type = 0;
  };

  // Throws Error that names the file and says what is wrong with it.
  explicit ElfObject(const std::filesystem::path& path);

  const std::vector<Section>& sections() const { return sections_; }
  const std::vector<Symbol>& symbols() const { return symbols_; }
  const std::vector<Relocation>& relocations_of(std::size_t section) const { return relocations_[section]; }
  const Section* find(const std::string& name) const;    // nullptr if there is none
  std::size_t number_of(const std::string& name) const;  // 0 if there is none

 private:
  std::vector<Section> sections_;
  std::vector<Symbol> symbols_;
  std::vector<std::vector<Relocation>> relocations_;  // of each section
};

}  // namespace nicsentry::lint
