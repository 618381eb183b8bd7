// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/compiler/compiler.h"

#include <cstdlib>
#include <system_error>
#include <utility>

#include "host/base/error.h"
#include "host/programs/compiler/confined_child.h"

namespace nicsentry::programs {
namespace {

namespace fs = std::filesystem;

fs::path find_clang() {
  const char* chosen = std::getenv("NICSENTRY_CLANG");
  const fs::path name = chosen != nullptr ? chosen : "/usr/bin/clang";
  std::error_code missing;
  fs::path path = fs::canonical(name, missing);
  if (missing) {
    throw Error("there is no " + name.string() + ", which C text needs: install clang, or name it in NICSENTRY_CLANG");
  }
  if (!path.string().starts_with("/usr/lib") && !path.string().starts_with("/usr/bin/")) {
    throw Error(path.string() + " is not below /usr/bin or /usr/lib, which is all that the compiler sees");
  }
  return path;
}

// Where Debian keeps asm/: clang looks there only for the machine's own programs.
void add_machine_headers(std::vector<std::string>& arguments) {
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator("/usr/include", missing)) {
    if (fs::is_directory(entry.path() / "asm", missing)) {
      arguments.insert(arguments.end(), {"-idirafter", entry.path()});
    }
  }
}

std::vector<std::string> arguments_of(const Compilation& compilation) {
  std::vector<std::string> arguments = {
      "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-std=gnu11", "-x", "c", "-", "-c", "-o", "-",
      // The messages are for a reader of the user's own text.
      "-fdebug-compilation-dir=.", "-ferror-limit=20", "-Wno-address-of-packed-member", "-Wno-unknown-attributes",
      "-Wno-pointer-sign", "-iquote", "/source", "-isystem", "/headers"};
  for (const std::string& define : compilation.defines) {
    arguments.push_back("-D" + define);
  }
  add_machine_headers(arguments);
  return arguments;
}

}  // namespace

Compiled compile(const Compilation& compilation) {
  ConfinedCommand command;
  command.program = find_clang();
  command.arguments = arguments_of(compilation);
  command.input = compilation.text;
  command.source = compilation.source;
  ChildOutput result = run_confined(command);
  if (!result.succeeded) {
    const bool said = result.failure == "exit status 1" && !result.messages.empty();
    throw Error("it does not compile" +
                (said ? ":\n" + result.messages : ": " + result.failure + "\n" + result.messages));
  }
  return {std::move(result.output), std::move(result.messages)};
}

}  // namespace nicsentry::programs
