// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <bit>
#include <cstdint>

#include "host/programs/lint/walk.h"

namespace nicsentry::lint {
namespace {

constexpr std::int64_t kStackOffsetMax = 1 << 29;

std::size_t place_of(std::int64_t offset) { return static_cast<std::size_t>(-offset - 1); }
std::size_t slot_of(std::int64_t offset) { return place_of(offset) / kSlotBytes; }

// Scrubs a byte of a spilled register that is overwritten in part.
void scrub(Byte& byte) {
  if (byte != Byte::unset) {
    byte = Byte::data;
  }
}

bool is_pointer(const Value& value) { return !value.scalar() && value.kind != Kind::nothing; }

void spill(Slot& slot, const Value& value, std::uint32_t bytes) {
  slot.spilled.copy_from(value);
  if (bytes == kSlotBytes) {
    slot.spilled.liveness |= live::kWritten;
  }
  for (std::size_t i = 0; i < kSlotBytes; ++i) {
    if (i >= kSlotBytes - bytes) {
      slot.bytes[i] = Byte::spilled;
    } else {
      scrub(slot.bytes[i]);
    }
  }
}

}  // namespace

void Walk::check_stack_bounds(const Value& pointer, std::int64_t offset, std::int64_t bytes) {
  std::int64_t first = 0;
  std::int64_t end = 0;
  const Bounds& at = pointer.number;
  if (at.bits.constant()) {
    first = static_cast<std::int64_t>(at.bits.value) + offset;
    end = first + bytes;
  } else {
    if (at.smax >= kStackOffsetMax || at.smin <= -kStackOffsetMax) {
      refuse("invalid unbounded variable-offset access to the stack");
    }
    first = at.smin + offset;
    end = at.smax + offset + bytes;
  }
  if (first < -kStackMax || first > -1 || end > 0 || bytes < 0) {
    refuse("invalid access to the stack off=" + std::to_string(first) + " size=" + std::to_string(bytes));
  }
  Frame& owner = frame_of(pointer);
  const auto slots = static_cast<std::size_t>((-first + 7) / 8);
  if (slots > owner.stack.size()) {
    owner.stack.resize(slots);
    std::uint32_t& depth = facts_.stack_depths[owner.function];
    depth = std::max(depth, static_cast<std::uint32_t>(slots * kSlotBytes));
  }
}

void Walk::access_stack(std::size_t number, std::int64_t offset, std::uint32_t bytes, bool writes, int value) {
  const Value pointer = reg(number);
  check_stack_bounds(pointer, offset, bytes);
  const bool constant = pointer.number.bits.constant();
  const std::int64_t place = offset + (constant ? static_cast<std::int64_t>(pointer.number.bits.value) : 0);
  if (writes) {
    if (constant) {
      store_to_stack(frame_of(pointer), place, bytes, value);
    } else {
      store_somewhere(frame_of(pointer), pointer, offset, bytes, value);
    }
    return;
  }
  if (constant) {
    load_from_stack(frame_of(pointer), place, bytes, value);
    return;
  }
  if (value < 0) {
    refuse("variable offset stack pointer cannot be passed into helper function");
  }
  read_stack_range(number, offset, bytes, false, false);
  load_bytes(frame_of(pointer), pointer.number.smin + offset, pointer.number.smax + offset + bytes, value);
}

void Walk::store_to_stack(Frame& target, std::int64_t offset, std::uint32_t bytes, int value) {
  const std::size_t place = place_of(offset);
  const Value* source = value >= 0 ? &reg(static_cast<std::size_t>(value)) : nullptr;
  const bool at_start = offset % static_cast<std::int64_t>(kSlotBytes) == 0;
  const Instruction& instruction = current();
  Slot* slot = &target.stack[place / kSlotBytes];
  if (source != nullptr && at_start && source->scalar() && !source->number.unbounded() && !source->null()) {
    if (instruction.dst_reg != kFramePointer) {
      need_precise(static_cast<std::size_t>(value));
    }
    spill(*slot, *source, bytes);
    if (static_cast<std::uint32_t>(std::bit_width(source->number.umax)) > bytes * 8) {
      slot->spilled.id = 0;
    }
  } else if (source == nullptr && at_start && is_constant_store(instruction) && instruction.imm != 0) {
    Value constant;
    constant.kind = Kind::scalar;
    constant.make_known(static_cast<std::uint64_t>(std::int64_t{instruction.imm}));
    spill(*slot, constant, bytes);
  } else if (source != nullptr && is_pointer(*source)) {
    if (bytes != kSlotBytes) {
      refuse("invalid size of register spill");
    }
    if (&target != &frame() && source->kind == Kind::stack) {
      refuse("cannot spill pointers to stack into stack frame of the caller");
    }
    spill(*slot, *source, bytes);
  } else {
    slot->spilled.kind = Kind::nothing;
    slot->spilled.maybe_null = false;
    if (slot->holds_register()) {
      for (Byte& byte : slot->bytes) {
        scrub(byte);
      }
    }
    if (bytes == kSlotBytes) {
      slot->spilled.liveness |= live::kWritten;
    }
    Byte kind = Byte::data;
    if (source != nullptr ? source->null() : is_constant_store(instruction) && instruction.imm == 0) {
      if (source != nullptr) {
        need_precise(static_cast<std::size_t>(value));
      }
      kind = Byte::zero;
    }
    for (std::size_t i = 0; i < bytes; ++i) {
      slot->bytes[(place - i) % kSlotBytes] = kind;
    }
  }
}

// At an offset that varies: each byte in the range may be the one.
void Walk::store_somewhere(Frame& target, const Value& pointer, std::int64_t offset, std::uint32_t bytes, int value) {
  const std::int64_t first = pointer.number.smin + offset;
  const std::int64_t end = pointer.number.smax + offset + bytes;
  const bool zero = value >= 0 && reg(static_cast<std::size_t>(value)).null();
  bool kept_zero = false;
  for (std::int64_t i = first; i < end; ++i) {
    Slot& slot = target.stack[slot_of(i)];
    slot.spilled.kind = Kind::nothing;
    slot.spilled.maybe_null = false;
    Byte& byte = slot.bytes[place_of(i) % kSlotBytes];
    const bool stays = zero && byte == Byte::zero;
    kept_zero = kept_zero || stays;
    byte = stays ? Byte::zero : Byte::data;
  }
  if (kept_zero) {
    need_precise(static_cast<std::size_t>(value));
  }
}

void Walk::load_from_stack(Frame& source, std::int64_t offset, std::uint32_t bytes, int value) {
  Slot& slot = source.stack[slot_of(offset)];
  if (slot.holds_register()) {
    load_spilled(slot, offset, bytes, value);
    return;
  }
  for (std::size_t i = 0; i < bytes; ++i) {
    if (slot.bytes[(place_of(offset) - i) % kSlotBytes] == Byte::spilled) {
      refuse("invalid read from stack off " + std::to_string(offset) + " size " + std::to_string(bytes));
    }
  }
  mark_read(slot.spilled, slot.spilled.parent, live::kRead64);
  if (value >= 0) {
    load_bytes(source, offset, offset + bytes, value);
  }
}

void Walk::load_spilled(Slot& slot, std::int64_t offset, std::uint32_t bytes, int value) {
  std::size_t spilled = 1;
  for (std::size_t i = kSlotBytes - 1; i > 0 && slot.bytes[i - 1] == Byte::spilled; --i) {
    ++spilled;
  }
  if (bytes != kSlotBytes || spilled != kSlotBytes) {
    if (!slot.spilled.scalar()) {
      refuse("invalid size of register fill");
    }
    mark_read(slot.spilled, slot.spilled.parent, live::kRead64);
    if (value < 0) {
      return;
    }
    Value& target = reg(static_cast<std::size_t>(value));
    if (offset % static_cast<std::int64_t>(kSlotBytes) == 0 && bytes == spilled) {
      const std::size_t defined = target.defined_32;
      target.copy_from(slot.spilled);
      target.defined_32 = defined;
    } else {
      for (std::size_t i = 0; i < bytes; ++i) {
        if (slot.bytes[(place_of(offset) - i) % kSlotBytes] == Byte::zero) {
          refuse("invalid read from stack off " + std::to_string(offset) + " size " + std::to_string(bytes));
        }
      }
      target.make_unknown();
    }
    target.liveness |= live::kWritten;
    return;
  }
  if (value >= 0) {
    Value& target = reg(static_cast<std::size_t>(value));
    target.copy_from(slot.spilled);
    target.liveness |= live::kWritten;
  }
  mark_read(slot.spilled, slot.spilled.parent, live::kRead64);
}

void Walk::load_bytes(const Frame& source, std::int64_t first, std::int64_t end, int value) {
  bool zeros = true;
  for (std::int64_t i = first; i < end && zeros; ++i) {
    zeros = source.stack[slot_of(i)].bytes[place_of(i) % kSlotBytes] == Byte::zero;
  }
  Value& target = reg(static_cast<std::size_t>(value));
  if (zeros) {
    target.make_known(0);
    target.kind = Kind::scalar;
    target.maybe_null = false;
    target.precise = true;
  } else {
    target.make_unknown();
  }
  target.liveness |= live::kWritten;
}

void Walk::read_stack_range(std::size_t number, std::int64_t offset, std::int64_t bytes, bool may_be_empty,
                            bool by_helper) {
  if (bytes == 0 && !may_be_empty) {
    refuse("invalid zero-sized read");
  }
  const Value pointer = reg(number);
  check_stack_bounds(pointer, offset, bytes);
  const Bounds& at = pointer.number;
  const bool constant = at.bits.constant();
  const std::int64_t first = constant ? static_cast<std::int64_t>(at.bits.value) + offset : at.smin + offset;
  const std::int64_t end = (constant ? first : at.smax + offset) + bytes;
  Frame& owner = frame_of(pointer);
  for (std::int64_t i = first; i < end; ++i) {
    Slot& slot = owner.stack[slot_of(i)];
    Byte& byte = slot.bytes[place_of(i) % kSlotBytes];
    if (byte == Byte::zero || byte == Byte::unset) {
      if (by_helper) {
        byte = Byte::data;
      }
    } else if (byte == Byte::spilled && slot.holds_register() && by_helper) {
      slot.spilled.make_unknown();
      for (Byte& other : slot.bytes) {
        scrub(other);
      }
    }
    mark_read(slot.spilled, slot.spilled.parent, live::kRead64);
  }
}

}  // namespace nicsentry::lint
