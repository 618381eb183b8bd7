// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/stack_use.h"

#include <algorithm>
#include <functional>

namespace nicsentry::lint {
namespace {

constexpr std::size_t kFramesMax = 8;

std::uint32_t frame_bytes(std::uint32_t bytes, std::uint32_t to) { return (bytes + to - 1) / to * to; }

std::size_t end_of(const ProgramImage& program, const ProgramFacts& facts, std::size_t function) {
  return function + 1 < facts.function_starts.size() ? facts.function_starts[function + 1]
                                                     : program.instructions.size();
}

using Depth = std::function<std::uint32_t(std::size_t)>;

std::uint32_t longest(const ProgramImage& program, const ProgramFacts& facts, std::size_t function, std::size_t frames,
                      const Depth& depth) {
  std::uint32_t below = 0;
  for (std::size_t at = facts.function_starts[function]; at < end_of(program, facts, function); ++at) {
    if (!is_function_call(program.instructions[at]) || frames == kFramesMax) {
      continue;
    }
    const auto target = static_cast<std::size_t>(static_cast<std::int64_t>(at) + 1 + program.instructions[at].imm);
    const auto callee = std::find(facts.function_starts.begin(), facts.function_starts.end(), target);
    below = std::max(below, longest(program, facts, static_cast<std::size_t>(callee - facts.function_starts.begin()),
                                    frames + 1, depth));
  }
  return depth(function) + below;
}

}  // namespace

bool keeps_registers(const ProgramImage& program, const ProgramFacts& facts, std::size_t function) {
  const auto first = program.instructions.begin();
  return std::any_of(first + static_cast<std::ptrdiff_t>(facts.function_starts[function]),
                     first + static_cast<std::ptrdiff_t>(end_of(program, facts, function)),
                     [](const Instruction& i) { return i.dst_reg >= BPF_REG_6 && i.dst_reg <= BPF_REG_9; });
}

std::uint32_t stack_on_card(const ProgramImage& program, const ProgramFacts& facts) {
  return longest(program, facts, 0, 1, [&](std::size_t function) {
    const std::uint32_t kept = function == 0 ? 0 : 4 + (keeps_registers(program, facts, function) ? 32U : 0U);
    return frame_bytes(facts.stack_depths[function] + kept, 64);
  });
}

std::uint32_t stack_in_kernel(const ProgramImage& program, const ProgramFacts& facts) {
  return longest(program, facts, 0, 1,
                 [&](std::size_t function) { return frame_bytes(std::max(facts.stack_depths[function], 1U), 32); });
}

}  // namespace nicsentry::lint
