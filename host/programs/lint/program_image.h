// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/programs/lint/instruction.h"

namespace nicsentry::lint {

struct MapDefinition {
  std::string name;
  std::uint32_t type = 0;
  std::uint32_t key_bytes = 0;
  std::uint32_t value_bytes = 0;
  std::uint32_t max_entries = 0;
  std::uint32_t flags = 0;
  std::optional<std::uint32_t> numa_node;
  bool global_data = false;  // libbpf makes it of a data section
  bool legacy = false;       // declared in the section `maps`, which libbpf 1.0 and later refuse
};

struct SourceLine {
  std::string file;
  std::uint32_t line = 0;
  std::string text;  // empty if the object does not have it
};

// A parameter of a global function, which the kernel verifies on its own.
struct Parameter {
  enum class Kind { scalar, context, memory, other };
  Kind kind = Kind::scalar;
  std::uint32_t bytes = 0;  // of the memory
};

struct Function {
  std::string name;
  std::size_t first = 0;  // its first instruction
  bool global = false;    // by the object's type information
  std::vector<Parameter> parameters;
};

// One program as the kernel gets it: the functions that it calls follow it, and calls and maps are resolved.
struct ProgramImage {
  std::string name;
  std::string section;
  bool gpl = false;
  std::vector<Instruction> instructions;    // that name a map: imm is its index in `maps`
  std::vector<MapDefinition> maps;          // all of the object: all are created
  std::vector<Function> functions;          // the program first
  std::map<std::size_t, SourceLine> lines;  // by the first instruction of a line
  std::vector<std::string> unresolved;      // what a loader cannot resolve, a sentence each

  const SourceLine* line_of(std::size_t instruction) const;  // nullptr if the object has none
  std::size_t function_of(std::size_t instruction) const;
};

}  // namespace nicsentry::lint
