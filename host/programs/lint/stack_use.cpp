// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/stack_use.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace nicsentry::lint {
namespace {

std::uint32_t frame_bytes(std::uint32_t bytes, std::uint32_t to) { return (bytes + to - 1) / to * to; }

std::size_t end_of(const ProgramImage& program, const ProgramFacts& facts, std::size_t function) {
  return function + 1 < facts.function_starts.size() ? facts.function_starts[function + 1]
                                                     : program.instructions.size();
}

using Depth = std::function<std::uint32_t(std::size_t)>;

// The longest chain of calls from each function on. A function that calls itself, which no path does, ends a chain.
class Chains {
 public:
  Chains(const ProgramImage& program, const ProgramFacts& facts, Depth depth)
      : program_(program), facts_(facts), depth_(std::move(depth)), known_(facts.function_starts.size()) {}

  std::uint32_t from(std::size_t function) {
    if (known_[function]) {
      return *known_[function];
    }
    known_[function] = 0;
    std::uint32_t below = 0;
    for (std::size_t at = facts_.function_starts[function]; at < end_of(program_, facts_, function); ++at) {
      if (is_function_call(program_.instructions[at])) {
        below = std::max(below, from(callee_of(at)));
      }
    }
    known_[function] = depth_(function) + below;
    return *known_[function];
  }

 private:
  std::size_t callee_of(std::size_t at) const {
    const auto target = static_cast<std::size_t>(static_cast<std::int64_t>(at) + 1 + program_.instructions[at].imm);
    const auto& starts = facts_.function_starts;
    return static_cast<std::size_t>(std::lower_bound(starts.begin(), starts.end(), target) - starts.begin());
  }

  const ProgramImage& program_;
  const ProgramFacts& facts_;
  Depth depth_;
  std::vector<std::optional<std::uint32_t>> known_;
};

}  // namespace

bool keeps_registers(const ProgramImage& program, const ProgramFacts& facts, std::size_t function) {
  const auto first = program.instructions.begin();
  return std::any_of(first + static_cast<std::ptrdiff_t>(facts.function_starts[function]),
                     first + static_cast<std::ptrdiff_t>(end_of(program, facts, function)),
                     [](const Instruction& i) { return i.dst_reg >= BPF_REG_6 && i.dst_reg <= BPF_REG_9; });
}

std::uint32_t stack_on_card(const ProgramImage& program, const ProgramFacts& facts) {
  const auto depth = [&](std::size_t function) {
    const std::uint32_t kept = function == 0 ? 0 : 4 + (keeps_registers(program, facts, function) ? 32U : 0U);
    return frame_bytes(facts.stack_depths[function] + kept, 64);
  };
  return Chains(program, facts, depth).from(0);
}

std::uint32_t stack_in_kernel(const ProgramImage& program, const ProgramFacts& facts) {
  const auto depth = [&](std::size_t function) { return frame_bytes(std::max(facts.stack_depths[function], 1U), 32); };
  return Chains(program, facts, depth).from(0);
}

}  // namespace nicsentry::lint
