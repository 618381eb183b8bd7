// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/driver_rules.h"

namespace nicsentry::lint {

bool translator_knows(std::uint8_t code) {
  Instruction instruction{};
  instruction.code = code;
  const unsigned operation = operation_of(instruction);
  switch (class_of(instruction)) {
    case BPF_ALU64:
    case BPF_ALU:
      if (operation == BPF_NEG) return !takes_register(instruction);
      if (operation == BPF_END) return class_of(instruction) == BPF_ALU && takes_register(instruction);
      return operation != BPF_MOD && operation <= BPF_ARSH;
    case BPF_LD:
      if (code == (BPF_LD | BPF_IMM | BPF_DW)) return true;
      return (mode_of(instruction) == BPF_ABS || mode_of(instruction) == BPF_IND) && access_bytes(instruction) != 8;
    case BPF_LDX:
    case BPF_ST:
      return mode_of(instruction) == BPF_MEM;
    case BPF_STX:
      return mode_of(instruction) == BPF_MEM || (mode_of(instruction) == BPF_ATOMIC && access_bytes(instruction) >= 4);
    case BPF_JMP:
      if (operation == BPF_JA || operation == BPF_CALL || operation == BPF_EXIT) return !takes_register(instruction);
      return operation <= BPF_JSLE;
    case BPF_JMP32:
      return is_conditional_jump(instruction) && operation <= BPF_JSLE;
    default:
      return false;
  }
}

}  // namespace nicsentry::lint
