// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "host/programs/compiler/compiler.h"

namespace nicsentry::programs {

// libbpf: SEC("xdp") or SEC("tc"), maps by BTF. polycube: handle_rx(), tables with methods.
enum class Dialect { libbpf, polycube };

// By the words of C text: handle_rx without SEC is Polycube's.
Dialect dialect_of(std::string_view text);

struct SourceText {
  std::string name;  // in the compiler's messages
  std::string text;
};

struct DialectTarget {
  bool xdp = false;     // else TC
  bool egress = false;  // POLYCUBE_PROGRAM_TYPE 1
  int log_level = 6;    // pcn_log below it is left out: 0 trace, 1 debug, 2 info, 3 warn, 4 err, 5 critical, 6 off
};

// Returns the text for the compiler. Lines keep their numbers.
Compilation translation_unit(const SourceText& source, DialectTarget target);

}  // namespace nicsentry::programs
