// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/walk.h"

namespace nicsentry::lint {

bool Walk::uses_64_bits(const Value& value, Use use) const {
  const Instruction& instruction = current();
  const bool reads = use == Use::source;
  switch (class_of(instruction)) {
    case BPF_JMP:
      if (is_exit(instruction)) return true;
      if (is_call(instruction)) return !is_function_call(instruction) && reads;
      return true;
    case BPF_ALU64:
      return true;
    case BPF_ALU:
      return operation_of(instruction) == BPF_END && instruction.imm == 64;
    case BPF_JMP32:
      return false;
    case BPF_LDX:
      return reads || access_bytes(instruction) == 8;
    case BPF_STX:
      return (reads && !value.scalar()) || access_bytes(instruction) == 8;
    default:
      return true;
  }
}

// The driver writes zero into the upper half only where somebody reads it.
void Walk::extend_at_definition(Value& value) {
  if (value.defined_32 != 0) {
    facts_.instructions[value.defined_32 - 1].zero_extends = true;
    value.defined_32 = 0;
  }
}

void Walk::use(std::size_t number, Use use) {
  if (number >= kRegisters) {
    refuse("R" + std::to_string(number) + " is invalid");
  }
  Value& value = reg(number);
  const bool wide = uses_64_bits(value, use);
  if (use == Use::source) {
    if (value.kind == Kind::nothing) {
      refuse("R" + std::to_string(number) + " !read_ok");
    }
    if (number == kFramePointer) {
      return;
    }
    if (wide) {
      extend_at_definition(value);
    }
    mark_read(value, value.parent, wide ? live::kRead64 : live::kRead32);
    return;
  }
  if (number == kFramePointer) {
    refuse("frame pointer is read only");
  }
  value.liveness |= live::kWritten;
  value.defined_32 = wide ? 0 : static_cast<std::size_t>(at_) + 1;
  if (use == Use::target) {
    value.make_unknown();
  }
}

void Walk::mark_read(const Value& value, Value* parent, std::uint8_t flag) {
  const Value* from = &value;
  bool screened = parent == from->parent;  // by a write since that state
  while (parent != nullptr) {
    if (screened && (from->liveness & live::kWritten) != 0) {
      return;
    }
    if ((parent->liveness & live::kRead) == flag || (parent->liveness & live::kRead64) != 0) {
      return;
    }
    parent->liveness |= flag;
    if (flag == live::kRead64) {
      parent->liveness &= static_cast<std::uint8_t>(~live::kRead32);
    }
    from = parent;
    parent = from->parent;
    screened = true;
  }
}

}  // namespace nicsentry::lint
