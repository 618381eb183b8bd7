// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/dead_code.h"

namespace nicsentry::lint {
namespace {

// The target of a jump that is always taken the same way, or nothing.
std::optional<std::size_t> only_target(const std::vector<Instruction>& instructions, std::size_t at,
                                       const ProgramFacts& facts) {
  const Instruction& instruction = instructions[at];
  const std::size_t taken = at + 1 + static_cast<std::size_t>(static_cast<std::ptrdiff_t>(instruction.off));
  if (is_plain_jump(instruction)) {
    return taken;
  }
  if (!is_conditional_jump(instruction) || !facts.instructions[at].seen) {
    return std::nullopt;
  }
  if (!facts.instructions[at + 1].seen) {
    return taken;
  }
  if (!facts.instructions[taken].seen) {
    return at + 1;
  }
  return std::nullopt;
}

}  // namespace

std::vector<bool> removed_instructions(const ProgramImage& program, const ProgramFacts& facts) {
  const std::size_t count = program.instructions.size();
  std::vector<bool> removed(count);
  for (std::size_t i = 0; i < count; ++i) {
    removed[i] = !facts.instructions[i].seen;
  }
  // One pass from the front, as the kernel does it: a jump that becomes empty by a later removal stays.
  for (std::size_t i = 0; i < count; ++i) {
    if (removed[i]) {
      continue;
    }
    const std::optional<std::size_t> target = only_target(program.instructions, i, facts);
    if (!target || *target <= i) {
      continue;
    }
    bool empty = true;
    for (std::size_t between = i + 1; between < *target; ++between) {
      empty = empty && removed[between];
    }
    removed[i] = empty;
  }
  return removed;
}

}  // namespace nicsentry::lint
