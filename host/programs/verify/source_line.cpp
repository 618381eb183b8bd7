// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/verify/source_line.h"

#include <sstream>

#include "host/base/memory_file.h"
#include "host/programs/lint/object_reader.h"

namespace nicsentry::programs {
namespace {

// A line by its number, from 1, without the blanks in front of it.
std::string line_of(const std::string& text, std::uint32_t number) {
  std::istringstream stream(text);
  std::string line;
  for (std::uint32_t i = 0; i < number; ++i) {
    if (!std::getline(stream, line)) {
      return {};
    }
  }
  const std::size_t begin = line.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : line.substr(begin);
}

}  // namespace

lint::SourceLine told_line(const lint::SourceLine& line, const SourceText& source) {
  lint::SourceLine told = line;
  if (told.file.starts_with("./")) {
    told.file.erase(0, 2);
  }
  if (told.text.empty() && told.file == source.name) {
    told.text = line_of(source.text, told.line);
  }
  return told;
}

std::string source_line(const UserObject& object, const SourceText& source, std::size_t instruction) {
  const MemoryFile file(object.bytes());
  const lint::ProgramImage image = lint::read_program(file.path(), object.section());
  const lint::SourceLine* line = image.line_of(instruction);
  while (line != nullptr && line->line == 0 && instruction-- > 0) {  // made of several lines: the one before says more
    line = image.line_of(instruction);
  }
  if (line == nullptr) {
    return {};
  }
  const lint::SourceLine told = told_line(*line, source);
  return told.file + ":" + std::to_string(told.line) + ": " + told.text;
}

}  // namespace nicsentry::programs
