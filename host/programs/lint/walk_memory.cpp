// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "host/programs/lint/walk.h"

namespace nicsentry::lint {
namespace {

constexpr std::uint64_t kVariableMax = 1U << 29U;

bool within(std::int64_t offset, std::int64_t bytes, std::uint64_t size, bool may_be_empty) {
  const bool length_ok = bytes > 0 || (bytes == 0 && may_be_empty);
  return offset >= 0 && length_ok && static_cast<std::uint64_t>(offset) + static_cast<std::uint64_t>(bytes) <= size;
}

}  // namespace

void Walk::load(const Instruction& instruction) {
  use(instruction.src_reg, Use::source);
  use(instruction.dst_reg, Use::target_kept);
  const Kind kind = reg(instruction.src_reg).kind;
  access(instruction.src_reg, instruction.off, access_bytes(instruction), false, instruction.dst_reg, false);
  Kind& before = pointer_kinds_[static_cast<std::size_t>(at_)];
  if (before != Kind::nothing && before != kind && (before == Kind::context || kind == Kind::context)) {
    refuse("same insn cannot be used with different pointers");
  }
  before = before == Kind::nothing ? kind : before;
}

void Walk::store(const Instruction& instruction) {
  use(instruction.src_reg, Use::source);
  use(instruction.dst_reg, Use::source);
  const Kind kind = reg(instruction.dst_reg).kind;
  access(instruction.dst_reg, instruction.off, access_bytes(instruction), true, instruction.src_reg, false);
  Kind& before = pointer_kinds_[static_cast<std::size_t>(at_)];
  if (before != Kind::nothing && before != kind && (before == Kind::context || kind == Kind::context)) {
    refuse("same insn cannot be used with different pointers");
  }
  before = before == Kind::nothing ? kind : before;
}

void Walk::store_constant(const Instruction& instruction) {
  use(instruction.dst_reg, Use::source);
  if (reg(instruction.dst_reg).kind == Kind::context) {
    refuse("BPF_ST stores into R" + std::to_string(instruction.dst_reg) + " ctx is not allowed");
  }
  access(instruction.dst_reg, instruction.off, access_bytes(instruction), true, -1, false);
}

void Walk::atomic(const Instruction& instruction) {
  use(instruction.src_reg, Use::source);
  use(instruction.dst_reg, Use::source);
  const bool compares = instruction.imm == BPF_CMPXCHG;
  if (compares) {
    use(0, Use::source);
  }
  const Value& pointer = reg(instruction.dst_reg);
  if (pointer.kind == Kind::context || pointer.packet_pointer()) {
    refuse("BPF_ATOMIC stores into R" + std::to_string(instruction.dst_reg) + " is not allowed");
  }
  int loaded = -1;
  if ((instruction.imm & BPF_FETCH) != 0) {
    loaded = compares ? 0 : instruction.src_reg;
    use(static_cast<std::size_t>(loaded), Use::target);
  }
  const std::uint32_t bytes = access_bytes(instruction);
  access(instruction.dst_reg, instruction.off, bytes, false, -1, true);
  if (loaded >= 0) {
    access(instruction.dst_reg, instruction.off, bytes, false, loaded, true);
  }
  access(instruction.dst_reg, instruction.off, bytes, true, -1, true);
}

// `value`: the register that is loaded or stored, or -1.
void Walk::access(std::size_t number, std::int64_t offset, std::uint32_t bytes, bool writes, int value, bool aligned) {
  const Value pointer = reg(number);
  const bool strict = pointer.kind == Kind::stack || aligned;
  if (strict && bytes != 1) {
    const KnownBits place = pointer.number.bits + exactly(static_cast<std::uint64_t>(pointer.offset + offset));
    if ((place.greatest() & (bytes - 1)) != 0) {
      refuse("misaligned access off " + std::to_string(pointer.offset + offset) + " size " + std::to_string(bytes));
    }
  }
  offset += pointer.offset;
  const bool loads = !writes && value >= 0;
  if (pointer.maybe_null) {
    refuse("R" + std::to_string(number) + " invalid mem access 'map_value_or_null'");
  }
  switch (pointer.kind) {
    case Kind::map_value:
      access_region(pointer, offset, bytes, program_.maps[static_cast<std::size_t>(pointer.detail)].value_bytes, false);
      if (loads) {
        reg(static_cast<std::size_t>(value)).make_unknown();
      }
      break;
    case Kind::memory:
      access_region(pointer, offset, bytes, static_cast<std::uint64_t>(pointer.detail), false);
      if (loads) {
        reg(static_cast<std::size_t>(value)).make_unknown();
      }
      break;
    case Kind::context:
      access_context(pointer, offset, bytes, writes, value);
      break;
    case Kind::stack:
      access_stack(number, offset, bytes, writes, value);
      break;
    case Kind::packet:
    case Kind::packet_meta:
      access_packet(pointer, offset, bytes, false);
      if (loads) {
        reg(static_cast<std::size_t>(value)).make_unknown();
      }
      break;
    default:
      refuse("R" + std::to_string(number) + " invalid mem access 'scalar'");
  }
  if (loads && bytes < 8 && reg(static_cast<std::size_t>(value)).scalar()) {
    reg(static_cast<std::size_t>(value)).number.truncate(bytes);
  }
}

void Walk::access_region(const Value& pointer, std::int64_t offset, std::int64_t bytes, std::uint64_t size,
                         bool may_be_empty) const {
  const Bounds& at = pointer.number;
  if (at.smin < 0 && (at.smin == INT64_MIN || offset + at.smin != static_cast<std::int32_t>(offset + at.smin) ||
                      at.smin + offset < 0)) {
    refuse("min value is negative, either use unsigned index or do a if (index >=0) check.");
  }
  if (!within(at.smin + offset, bytes, size, may_be_empty)) {
    refuse("invalid access to map value, value_size=" + std::to_string(size) +
           " off=" + std::to_string(at.smin + offset) + " size=" + std::to_string(bytes));
  }
  if (at.umax >= kVariableMax) {
    refuse("unbounded memory access, make sure to bounds check any such access");
  }
  if (!within(static_cast<std::int64_t>(at.umax) + offset, bytes, size, may_be_empty)) {
    refuse("invalid access to map value, value_size=" + std::to_string(size) +
           " off=" + std::to_string(static_cast<std::int64_t>(at.umax) + offset) + " size=" + std::to_string(bytes));
  }
}

void Walk::access_packet(const Value& pointer, std::int64_t offset, std::int64_t bytes, bool may_be_empty) {
  if (pointer.number.smin < 0) {
    refuse("min value is negative, either use unsigned index or do a if (index >=0) check.");
  }
  if (pointer.detail < 0 || !within(offset, bytes, static_cast<std::uint64_t>(pointer.detail), may_be_empty)) {
    refuse("invalid access to packet, off=" + std::to_string(offset) + " size=" + std::to_string(bytes));
  }
  const std::uint64_t last =
      static_cast<std::uint64_t>(offset) + pointer.number.umax + static_cast<std::uint64_t>(bytes) - 1;
  facts_.packet_bytes = std::max(facts_.packet_bytes, static_cast<std::uint64_t>(static_cast<std::uint32_t>(last)));
}

// The context of XDP on a device.
void Walk::access_context(const Value& pointer, std::int64_t offset, std::uint32_t bytes, bool writes, int value) {
  const bool moved = pointer.offset != 0 || !pointer.number.bits.is(0);
  const bool field = offset >= 0 && offset + 4 <= static_cast<std::int64_t>(offsetof(xdp_md, egress_ifindex)) &&
                     offset % 4 == 0 && bytes == 4;
  if (moved || !field || (writes && offset != offsetof(xdp_md, rx_queue_index))) {
    refuse("invalid bpf_context access off=" + std::to_string(offset) + " size=" + std::to_string(bytes));
  }
  facts_.chooses_queue = facts_.chooses_queue || writes;
  if (writes || value < 0) {
    return;
  }
  Value& target = reg(static_cast<std::size_t>(value));
  Kind kind = Kind::scalar;
  switch (static_cast<std::size_t>(offset)) {
    case offsetof(xdp_md, data):
      kind = Kind::packet;
      break;
    case offsetof(xdp_md, data_end):
      kind = Kind::packet_end;
      break;
    case offsetof(xdp_md, data_meta):
      kind = Kind::packet_meta;
      break;
    default:
      break;
  }
  if (kind == Kind::scalar) {
    target.make_unknown();
    return;
  }
  target.make_known(0);
  target.maybe_null = false;
  target.defined_32 = 0;
  target.kind = kind;
}

}  // namespace nicsentry::lint
