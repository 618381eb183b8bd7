// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "host/programs/lint/driver_rules.h"

namespace nicsentry::lint {

void DriverRules::check_arithmetic(std::size_t at, const State& state, InstructionFacts& facts) {
  const Instruction& instruction = program_.instructions[at];
  const auto& registers = state.frames.back().registers;
  const Bounds& source = registers.at(instruction.src_reg).number;
  const Bounds& target = registers.at(instruction.dst_reg).number;
  facts.source_min = std::min(facts.source_min, source.umin);
  facts.source_max = std::max(facts.source_max, source.umax);
  facts.target_min = std::min(facts.target_min, target.umin);
  facts.target_max = std::max(facts.target_max, target.umax);
  if (operation_of(instruction) == BPF_DIV) {
    check_division(at, instruction, facts);
    return;
  }
  if (operation_of(instruction) != BPF_MUL) {
    return;
  }
  const std::string way_out =
      "operands of 32 bits that the kernel can see: (__u64)(__u32)a * (__u32)b; after ^, | and * with a variable "
      "it forgets the bounds, a move restores them (asm volatile(\"%0 = %0\" : \"+w\"(x))); for hashes xor and shifts";
  if (facts.target_max > UINT32_MAX) {
    add(Rule::multiplications, at, "multiplier is not within u32 value range", way_out);
  } else if (takes_register(instruction) && facts.source_max > UINT32_MAX) {
    add(Rule::multiplications, at, "multiplicand is not within u32 value range", way_out);
  } else if (class_of(instruction) == BPF_ALU64 && !takes_register(instruction) && instruction.imm < 0) {
    add(Rule::multiplications, at, "sign extended multiplicand won't be within u32 value range",
        "a 32-bit multiplication, or xor and shifts");
  }
}

void DriverRules::check_division(std::size_t at, const Instruction& instruction, const InstructionFacts& facts) {
  const std::string constant = "a constant divisor, or shifts; let the host divide";
  if (facts.target_max > UINT32_MAX) {
    add(Rule::divisions, at, "dividend is not within u32 value range", "a dividend of 32 bits: (__u32)x / C");
  } else if (takes_register(instruction) && facts.source_min != facts.source_max) {
    add(Rule::divisions, at, "divisor is not constant", constant);
  } else if (takes_register(instruction) && facts.source_max > UINT32_MAX) {
    add(Rule::divisions, at, "divisor is not within u32 value range", constant);
  } else if (takes_register(instruction) && facts.source_max == 0) {
    add(Rule::divisions, at, "the driver divides by zero while it translates", constant);
  } else if (!takes_register(instruction) && instruction.imm < 0) {
    add(Rule::divisions, at, "divide by negative constant is not supported", constant);
  }
}

}  // namespace nicsentry::lint
