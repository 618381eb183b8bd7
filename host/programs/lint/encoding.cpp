// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/encoding.h"

#include "host/programs/lint/kernel_refusal.h"

namespace nicsentry::lint {
namespace {

bool arithmetic_fields_wrong(const Instruction& i) {
  const unsigned operation = operation_of(i);
  if (operation == BPF_NEG) {
    return takes_register(i) || i.src_reg != 0 || i.off != 0 || i.imm != 0;
  }
  if (operation == BPF_END) {
    return class_of(i) == BPF_ALU64 || i.src_reg != 0 || i.off != 0 || (i.imm != 16 && i.imm != 32 && i.imm != 64);
  }
  return i.off != 0 || (takes_register(i) ? i.imm != 0 : i.src_reg != 0);
}

bool jump_fields_wrong(const Instruction& i) {
  const bool narrow = class_of(i) == BPF_JMP32;
  switch (operation_of(i)) {
    case BPF_CALL:
      return narrow || takes_register(i) || i.off != 0 || i.dst_reg != 0;
    case BPF_JA:
    case BPF_EXIT:
      return narrow || takes_register(i) || i.imm != 0 || i.src_reg != 0 || i.dst_reg != 0;
    default:
      return takes_register(i) ? i.imm != 0 : i.src_reg != 0;
  }
}

}  // namespace

const char* wrong_fields(const Instruction& i) {
  switch (class_of(i)) {
    case BPF_ALU:
    case BPF_ALU64:
      return arithmetic_fields_wrong(i) ? "BPF_ALU uses reserved fields" : nullptr;
    case BPF_JMP:
    case BPF_JMP32:
      return jump_fields_wrong(i) ? "BPF_JMP/JMP32 uses reserved fields" : nullptr;
    case BPF_ST:
      return i.src_reg != 0 ? "BPF_ST uses reserved fields" : nullptr;
    case BPF_STX:
      return is_store(i) && i.imm != 0 ? "BPF_STX uses reserved fields" : nullptr;
    case BPF_LD:
      return is_wide_constant(i) && i.off != 0 ? "BPF_LD_IMM64 uses reserved fields" : nullptr;
    default:
      return nullptr;
  }
}

void check_loads_and_constants(const std::vector<Instruction>& program) {
  for (std::size_t at = 0; at < program.size(); ++at) {
    const Instruction& i = program[at];
    if (class_of(i) == BPF_LDX && (mode_of(i) != BPF_MEM || i.imm != 0)) {
      throw KernelRefusal{at, "BPF_LDX uses reserved fields"};
    }
    if (!is_wide_constant(i)) {
      continue;
    }
    if (at + 1 == program.size()) {
      throw KernelRefusal{at, "invalid bpf_ld_imm64 insn"};
    }
    const Instruction& high = program[++at];
    if (high.code != 0 || high.dst_reg != 0 || high.src_reg != 0 || high.off != 0) {
      throw KernelRefusal{at - 1, "invalid bpf_ld_imm64 insn"};
    }
  }
}

}  // namespace nicsentry::lint
