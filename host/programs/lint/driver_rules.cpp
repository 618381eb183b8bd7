// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/driver_rules.h"

#include <algorithm>
#include <utility>

#include "host/programs/lint/driver_numbers.h"

namespace nicsentry::lint {

DriverRules::DriverRules(const ProgramImage& program, const Firmware& firmware)
    : program_(program), firmware_(firmware) {
  for (const MapDefinition& map : program.maps) {
    const std::size_t words = (std::size_t{map.value_bytes} + 3) / 4;
    words_.emplace_back(words, WordUse::none);
    updated_words_.emplace_back(words, false);
  }
}

void DriverRules::add(Rule rule, std::size_t at, std::string driver_says, std::string way_out) {
  const bool known = std::any_of(findings_.begin(), findings_.end(), [&](const Finding& finding) {
    return finding.rule == rule && finding.instruction == at;
  });
  if (!known) {
    findings_.push_back({rule, at, std::move(driver_says), std::move(way_out)});
  }
}

std::optional<std::size_t> DriverRules::adjust_head_call() const { return adjust_head_; }

void DriverRules::visit(std::size_t at, const State& state, InstructionFacts& facts) {
  const Instruction& instruction = program_.instructions[at];
  const auto& registers = state.frames.back().registers;
  if (!translator_knows(instruction.code)) {
    const bool remainder = is_alu(instruction) && operation_of(instruction) == BPF_MOD;
    add(remainder ? Rule::divisions : Rule::instructions, at,
        "instruction " + hexadecimal(instruction.code) + " not supported",
        remainder ? "the remainder by a power of two with '&', else x - x / C * C with a constant C"
                  : "an operation that the card has: see the list of instructions in docs/own-programs.md");
    return;
  }
  if (instruction.src_reg >= kRegisters || instruction.dst_reg >= kRegisters) {
    add(Rule::instructions, at, "program uses extended registers - jit hardening?", "registers R0 to R10");
    return;
  }
  if (is_helper_call(instruction)) {
    check_helper(at, state, facts);
  } else if (is_load(instruction)) {
    check_pointer(at, state, registers.at(instruction.src_reg), facts);
  } else if (is_store(instruction)) {
    check_store(at, state, facts);
  } else if (is_atomic(instruction)) {
    check_atomic(at, state, facts);
  } else if (is_alu(instruction)) {
    check_arithmetic(at, state, facts);
  }
}

}  // namespace nicsentry::lint
