// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/line_information.h"

#include <cstring>

#include "host/base/error.h"
#include "host/programs/lint/instruction.h"

namespace nicsentry::lint {
namespace {

// The header of .BTF.ext (Documentation/bpf/btf.rst in the kernel's source).
struct Header {
  std::uint16_t magic;
  std::uint8_t version;
  std::uint8_t flags;
  std::uint32_t length;
  std::uint32_t functions_offset;
  std::uint32_t functions_length;
  std::uint32_t lines_offset;
  std::uint32_t lines_length;
};

constexpr unsigned kColumnBits = 10;

class Words {
 public:
  explicit Words(const std::vector<std::byte>& bytes) : bytes_(bytes) {}
  std::uint32_t at(std::size_t offset) const {
    std::uint32_t word = 0;
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(word)) {
      throw Error("its section .BTF.ext is cut off");
    }
    std::memcpy(&word, bytes_.data() + offset, sizeof(word));
    return word;
  }

 private:
  const std::vector<std::byte>& bytes_;
};

// Calls `record` with the section's name, the instruction and the place of the record, for each of a part.
template <typename Record>
void each_record(const Words& words, std::size_t start, std::size_t length, const TypeInformation& types,
                 Record record) {
  if (length == 0) {
    return;
  }
  const std::size_t size = words.at(start);
  if (size < 8) {
    throw Error("its section .BTF.ext has records of " + std::to_string(size) + " bytes");
  }
  for (std::size_t at = start + 4; at < start + length;) {
    const std::string section = types.string_at(words.at(at));
    const std::size_t count = words.at(at + 4);
    at += 8;
    for (std::size_t i = 0; i < count; ++i, at += size) {
      record(section, words.at(at) / sizeof(Instruction), at);
    }
  }
}

std::string without_blanks(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? std::string() : text.substr(first);
}

}  // namespace

std::map<std::string, SectionInformation> read_line_information(const ElfObject& object, const TypeInformation& types) {
  std::map<std::string, SectionInformation> found;
  const ElfObject::Section* section = object.find(".BTF.ext");
  if (section == nullptr || types.empty()) {
    return found;
  }
  const Words words(section->bytes);
  Header header{};
  words.at(sizeof(header) - sizeof(std::uint32_t));
  std::memcpy(&header, section->bytes.data(), sizeof(header));
  if (header.magic != BTF_MAGIC) {
    throw Error("its section .BTF.ext does not begin as line information does");
  }
  each_record(words, std::size_t{header.length} + header.functions_offset, header.functions_length, types,
              [&](const std::string& name, std::size_t instruction, std::size_t at) {
                found[name].functions[instruction] = words.at(at + 4);
              });
  each_record(words, std::size_t{header.length} + header.lines_offset, header.lines_length, types,
              [&](const std::string& name, std::size_t instruction, std::size_t at) {
                found[name].lines[instruction] = {types.string_at(words.at(at + 4)), words.at(at + 12) >> kColumnBits,
                                                  without_blanks(types.string_at(words.at(at + 8)))};
              });
  return found;
}

}  // namespace nicsentry::lint
