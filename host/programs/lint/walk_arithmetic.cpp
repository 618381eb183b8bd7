// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>
#include <limits>

#include "host/programs/lint/walk.h"

namespace nicsentry::lint {
namespace {

constexpr std::int64_t kOffsetMax = 1 << 29;

bool fits_32_bits(std::int64_t number) { return number == static_cast<std::int32_t>(number); }

}  // namespace

void Walk::arithmetic(const Instruction& instruction) {
  const unsigned operation = operation_of(instruction);
  if (operation == BPF_NEG || operation == BPF_END) {
    use(instruction.dst_reg, Use::source);
    use(instruction.dst_reg, Use::target);
  } else if (operation == BPF_MOV) {
    move(instruction);
  } else if (operation > BPF_END) {
    refuse("invalid BPF_ALU opcode");
  } else {
    if (takes_register(instruction)) {
      use(instruction.src_reg, Use::source);
    }
    use(instruction.dst_reg, Use::source);
    if ((operation == BPF_DIV || operation == BPF_MOD) && !takes_register(instruction) && instruction.imm == 0) {
      refuse("div by zero");
    }
    const int width = class_of(instruction) == BPF_ALU64 ? 64 : 32;
    const bool shifts = operation == BPF_LSH || operation == BPF_RSH || operation == BPF_ARSH;
    if (shifts && !takes_register(instruction) && (instruction.imm < 0 || instruction.imm >= width)) {
      refuse("invalid shift " + std::to_string(instruction.imm));
    }
    use(instruction.dst_reg, Use::target_kept);
    combine(instruction);
  }
}

void Walk::move(const Instruction& instruction) {
  const bool wide = class_of(instruction) == BPF_ALU64;
  if (takes_register(instruction)) {
    use(instruction.src_reg, Use::source);
  }
  use(instruction.dst_reg, Use::target_kept);
  Value& target = reg(instruction.dst_reg);
  if (!takes_register(instruction)) {
    target.make_unknown();
    const auto constant = static_cast<std::uint64_t>(std::int64_t{instruction.imm});
    target.make_known(wide ? constant : static_cast<std::uint32_t>(constant));
    return;
  }
  Value& source = reg(instruction.src_reg);
  if (wide) {
    if (source.scalar() && source.id == 0) {
      source.id = ++ids_;  // what is learnt of one holds for the other
    }
    target.copy_from(source);
    target.liveness |= live::kWritten;
    target.defined_32 = 0;
    return;
  }
  if (source.scalar()) {
    target.copy_from(source);
    target.id = 0;
    target.liveness |= live::kWritten;
    target.defined_32 = static_cast<std::size_t>(at_) + 1;
  } else {
    target.make_unknown();
  }
  target.number.zero_extend();
  target.number.refine();
}

void Walk::combine(const Instruction& instruction) {
  Value& target = reg(instruction.dst_reg);
  const bool pointer = !target.scalar();
  const unsigned operation = operation_of(instruction);
  if (!pointer) {
    target.id = 0;
  }
  Value constant;
  const Value* source = &constant;
  if (takes_register(instruction)) {
    source = &reg(instruction.src_reg);
    if (!source->scalar()) {
      if (pointer) {
        if (operation != BPF_SUB) {
          refuse("R" + std::to_string(instruction.dst_reg) + " pointer arithmetic on two pointers prohibited");
        }
        target.make_unknown();
        return;
      }
      need_precise(instruction.dst_reg);
      const Value distance = target;
      move_pointer(instruction, instruction.dst_reg, *source, distance);
      return;
    }
    if (pointer) {
      need_precise(instruction.src_reg);
      const Value distance = *source;
      move_pointer(instruction, instruction.dst_reg, target, distance);
      return;
    }
    if (target.precise) {
      need_precise(instruction.src_reg);
    }
  } else {
    constant.kind = Kind::scalar;
    constant.make_known(static_cast<std::uint64_t>(std::int64_t{instruction.imm}));
    if (pointer) {
      move_pointer(instruction, instruction.dst_reg, target, constant);
      return;
    }
  }
  const bool wide = class_of(instruction) == BPF_ALU64;
  const bool known = wide ? source->number.bits.constant() : source->number.bits.low_half().constant();
  const bool sums = operation == BPF_ADD || operation == BPF_SUB || operation == BPF_AND;
  if (source->number.contradictory(wide) || (!known && !sums)) {
    target.make_unknown();
    return;
  }
  const Bounds other = source->number;
  apply_arithmetic(operation, wide, target.number, other);
}

void Walk::check_sane(const Value& value) const {
  const Bounds& number = value.number;
  const auto known = static_cast<std::int64_t>(number.bits.value);
  if ((number.bits.constant() && (known >= kOffsetMax || known <= -kOffsetMax)) || value.offset >= kOffsetMax ||
      value.offset <= -kOffsetMax || number.smin == std::numeric_limits<std::int64_t>::min() ||
      number.smin >= kOffsetMax || number.smin <= -kOffsetMax) {
    refuse("math between a pointer and a number without bounds is not allowed");
  }
}

void Walk::move_pointer(const Instruction& instruction, std::size_t number, const Value& from, const Value& distance) {
  Value& target = reg(number);
  const Value pointer = from;  // may be the target itself
  const bool in_place = &from == &target;
  const Bounds& by = distance.number;
  const Bounds& at = pointer.number;
  const bool known = by.bits.constant();
  const unsigned operation = operation_of(instruction);
  if (by.contradictory(true)) {
    target.make_unknown();
    return;
  }
  if (class_of(instruction) != BPF_ALU64) {
    if (operation != BPF_SUB) {
      refuse("R" + std::to_string(number) + " 32-bit pointer arithmetic prohibited");
    }
    target.make_unknown();
    return;
  }
  const bool nothing_added = known && by.smin == 0 && operation == BPF_ADD;
  if (pointer.maybe_null || pointer.kind == Kind::packet_end || (pointer.kind == Kind::map && !nothing_added)) {
    refuse("R" + std::to_string(number) + " pointer arithmetic prohibited, null-check it first");
  }
  if (!in_place) {
    target = pointer;  // with its marks
  }
  check_sane(distance);
  check_sane(pointer);
  target.number.forget32();
  if (operation == BPF_ADD) {
    if (known && fits_32_bits(pointer.offset + by.smin)) {
      target.offset = static_cast<std::int32_t>(pointer.offset + by.smin);
    } else {
      std::int64_t low = 0;
      std::int64_t high = 0;
      const bool overflows =
          __builtin_add_overflow(at.smin, by.smin, &low) || __builtin_add_overflow(at.smax, by.smax, &high);
      target.number.smin = overflows ? std::numeric_limits<std::int64_t>::min() : low;
      target.number.smax = overflows ? std::numeric_limits<std::int64_t>::max() : high;
      const bool wraps = at.umin + by.umin < at.umin || at.umax + by.umax < at.umax;
      target.number.umin = wraps ? 0 : at.umin + by.umin;
      target.number.umax = wraps ? std::numeric_limits<std::uint64_t>::max() : at.umax + by.umax;
      target.number.bits = at.bits + by.bits;
      if (pointer.packet_pointer()) {
        target.id = ++ids_;
        target.detail = 0;
      }
    }
  } else if (operation == BPF_SUB) {
    if (!in_place || pointer.kind == Kind::stack) {
      refuse("R" + std::to_string(number) + " subtraction from stack pointer prohibited");
    }
    if (known && fits_32_bits(pointer.offset - by.smin)) {
      target.offset = static_cast<std::int32_t>(pointer.offset - by.smin);
    } else {
      std::int64_t low = 0;
      std::int64_t high = 0;
      const bool overflows =
          __builtin_sub_overflow(at.smin, by.smax, &low) || __builtin_sub_overflow(at.smax, by.smin, &high);
      target.number.smin = overflows ? std::numeric_limits<std::int64_t>::min() : low;
      target.number.smax = overflows ? std::numeric_limits<std::int64_t>::max() : high;
      const bool wraps = at.umin < by.umax;
      target.number.umin = wraps ? 0 : at.umin - by.umax;
      target.number.umax = wraps ? std::numeric_limits<std::uint64_t>::max() : at.umax - by.umin;
      target.number.bits = at.bits - by.bits;
      if (pointer.packet_pointer()) {
        target.id = ++ids_;
        if (by.smin < 0) {
          target.detail = 0;
        }
      }
    }
  } else {
    refuse("R" + std::to_string(number) + " pointer arithmetic with this operator prohibited");
  }
  check_sane(target);
  target.number.refine();
}

}  // namespace nicsentry::lint
