// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/other_commands.h"

#include <algorithm>
#include <array>

namespace nicsentry {
namespace {

struct Meaning {
  std::string_view line;
  std::string_view theirs;
  std::string_view ours;
};

constexpr std::array kMeanings = std::to_array<Meaning>({
    {"nicsentry", "start", "run"},
    {"nicsentry", "monitor", "run"},
    {"nicsentry", "capture", "run"},
    {"nicsentry", "read", "replay"},
    {"nicsentry", "stop", "detach"},
    {"nicsentry", "list", "status"},
    {"nicsentry", "ls", "status"},
    {"nicsentry", "show", "status"},
    {"nicsentry", "ban", "block"},
    {"nicsentry", "deny", "block"},
    {"nicsentry", "unban", "unblock"},
    {"nicsentry", "allow", "sets add allowed"},
    {"nicsentry", "conntrack", "connections"},
    {"nicsentry", "firewall", "rules"},
    {"nicsentry", "check", "doctor"},
    {"nicsentry", "version", "--version"},
    {"nicsentry", "-V", "--version"},
    {"nicsentry", "-v", "--version"},
    {"nicsentry", "-i", "run -i"},
    {"nicsentry", "--interface", "run --interface"},
    {"nicsentry", "-A", "rules add"},
    {"nicsentry", "-I", "rules insert"},
    {"nicsentry", "-D", "rules delete"},
    {"nicsentry", "-L", "rules show"},
    {"nicsentry", "-S", "rules export"},
    {"nicsentry", "-F", "rules flush"},
    {"nicsentry", "-P", "rules default"},
    {"nicsentry rules", "list", "show"},
    {"nicsentry rules", "ls", "show"},
    {"nicsentry rules", "print", "show"},
    {"nicsentry rules", "stats", "show --stats"},
    {"nicsentry rules", "rm", "delete"},
    {"nicsentry rules", "del", "delete"},
    {"nicsentry rules", "remove", "delete"},
    {"nicsentry rules", "append", "add"},
    {"nicsentry rules", "new", "add"},
    {"nicsentry rules", "save", "export"},
    {"nicsentry rules", "dump", "export"},
    {"nicsentry rules", "restore", "load"},
    {"nicsentry rules", "replace", "load"},
    {"nicsentry rules", "policy", "default"},
    {"nicsentry rules", "clear", "flush"},
    {"nicsentry rules", "reset", "flush"},
    {"nicsentry rules", "zero", "reset-counters"},
    {"nicsentry rules", "undo", "revert"},
    {"nicsentry rules", "rollback", "revert"},
    {"nicsentry rules", "commit", "confirm"},
    {"nicsentry rules", "keep", "confirm"},
    {"nicsentry rules", "test", "explain"},
    {"nicsentry rules", "trace", "explain"},
    {"nicsentry rules", "why", "explain"},
    {"nicsentry rules", "-A", "add"},
    {"nicsentry rules", "-I", "insert"},
    {"nicsentry rules", "-D", "delete"},
    {"nicsentry rules", "-L", "show"},
    {"nicsentry rules", "-S", "export"},
    {"nicsentry rules", "-F", "flush"},
    {"nicsentry rules", "-P", "default"},
    {"nicsentry rules", "convert", "import"},
    {"nicsentry rules", "translate", "import"},
    {"nicsentry sets", "show", "list"},
    {"nicsentry sets", "ls", "list"},
    {"nicsentry sets", "print", "list"},
    {"nicsentry sets", "create", "add"},
    {"nicsentry sets", "new", "add"},
    {"nicsentry sets", "rm", "remove"},
    {"nicsentry sets", "del", "remove"},
    {"nicsentry sets", "delete", "remove"},
    {"nicsentry sets", "destroy", "remove"},
    {"nicsentry sets", "replace", "load"},
    {"nicsentry sets", "restore", "load"},
    {"nicsentry programs", "ls", "list"},
    {"nicsentry programs", "rm", "unload"},
    {"nicsentry programs", "remove", "unload"},
    {"nicsentry programs", "detach", "unload"},
    {"nicsentry programs", "attach", "load"},
    {"nicsentry programs", "dump", "read"},
    {"nicsentry programs", "verify", "check"},
});

}  // namespace

std::string command_meant(std::string_view line, std::string_view word) {
  const auto* found = std::find_if(kMeanings.begin(), kMeanings.end(), [&](const Meaning& meaning) {
    return meaning.line == line && meaning.theirs == word;
  });
  return found != kMeanings.end() ? std::string(found->ours) : std::string();
}

}  // namespace nicsentry
