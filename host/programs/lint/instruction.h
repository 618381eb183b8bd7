// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/bpf.h>

#include <cstdint>

namespace nicsentry::lint {

// A BPF instruction as it stands in an object and in the kernel's interface (linux/bpf.h).
using Instruction = bpf_insn;

constexpr unsigned class_of(const Instruction& i) { return i.code & 0x07U; }
constexpr unsigned operation_of(const Instruction& i) { return i.code & 0xf0U; }
constexpr unsigned mode_of(const Instruction& i) { return i.code & 0xe0U; }
constexpr bool takes_register(const Instruction& i) { return (i.code & BPF_X) != 0; }

constexpr std::uint32_t access_bytes(const Instruction& i) {
  switch (i.code & 0x18U) {
    case BPF_W:
      return 4;
    case BPF_H:
      return 2;
    case BPF_B:
      return 1;
    default:
      return 8;
  }
}

constexpr bool is_alu(const Instruction& i) { return class_of(i) == BPF_ALU || class_of(i) == BPF_ALU64; }
constexpr bool is_jump_class(const Instruction& i) { return class_of(i) == BPF_JMP || class_of(i) == BPF_JMP32; }
constexpr bool is_load(const Instruction& i) { return class_of(i) == BPF_LDX && mode_of(i) == BPF_MEM; }
constexpr bool is_store(const Instruction& i) { return class_of(i) == BPF_STX && mode_of(i) == BPF_MEM; }
constexpr bool is_constant_store(const Instruction& i) { return class_of(i) == BPF_ST && mode_of(i) == BPF_MEM; }
constexpr bool is_atomic(const Instruction& i) { return class_of(i) == BPF_STX && mode_of(i) == BPF_ATOMIC; }
constexpr bool is_wide_constant(const Instruction& i) { return i.code == (BPF_LD | BPF_IMM | BPF_DW); }
constexpr bool is_call(const Instruction& i) { return i.code == (BPF_JMP | BPF_CALL); }
constexpr bool is_function_call(const Instruction& i) { return is_call(i) && i.src_reg == BPF_PSEUDO_CALL; }
constexpr bool is_helper_call(const Instruction& i) { return is_call(i) && i.src_reg != BPF_PSEUDO_CALL; }
constexpr bool is_exit(const Instruction& i) { return i.code == (BPF_JMP | BPF_EXIT); }
constexpr bool is_plain_jump(const Instruction& i) { return i.code == (BPF_JMP | BPF_JA); }
constexpr bool is_conditional_jump(const Instruction& i) {
  const unsigned operation = operation_of(i);
  return is_jump_class(i) && operation != BPF_JA && operation != BPF_CALL && operation != BPF_EXIT;
}

}  // namespace nicsentry::lint
