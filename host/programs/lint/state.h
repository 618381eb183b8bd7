// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "host/programs/lint/bounds.h"
#include "host/programs/lint/facts.h"

namespace nicsentry::lint {

// Which later instructions read a register or stack slot, as the kernel's verifier marks it.
namespace live {
constexpr std::uint8_t kRead32 = 1;
constexpr std::uint8_t kRead64 = 2;
constexpr std::uint8_t kRead = kRead32 | kRead64;
constexpr std::uint8_t kWritten = 4;
constexpr std::uint8_t kFinal = 8;
}  // namespace live

// How far behind a packet pointer the packet is known to reach, if not a number of bytes.
constexpr std::int64_t kAtEnd = -1;
constexpr std::int64_t kBeyondEnd = -2;

// The content of a register or a spilled stack slot on one path.
struct Value {
  Kind kind = Kind::nothing;
  bool maybe_null = false;
  std::int32_t offset = 0;  // of a pointer: its constant part
  std::int64_t detail = 0;  // packet: bytes known to be there; map and map_value: the map; memory: its size
  std::uint32_t id = 0;     // values of one id are the same, or have the same variable offset
  Bounds number;            // a scalar, or a pointer's variable offset

  Value* parent = nullptr;     // the same place in the state that this one comes from
  std::uint32_t frame = 0;     // of a stack pointer
  std::size_t defined_32 = 0;  // 1 + the instruction that defined only the lower half; 0: none
  std::uint8_t liveness = 0;   // live::
  bool precise = false;        // its number decided something

  bool scalar() const { return kind == Kind::scalar; }
  bool null() const { return scalar() && number.bits.is(0); }
  bool packet_pointer() const { return kind == Kind::packet || kind == Kind::packet_meta; }
  bool packet_or_end() const { return packet_pointer() || kind == Kind::packet_end; }

  void make_unknown();                    // a scalar of which nothing is known
  void make_unset();                      // not readable
  void make_known(std::uint64_t number);  // keeps the kind
  void copy_from(const Value& other);     // without parent and liveness
  bool same_content(const Value& other) const;
};

constexpr std::size_t kRegisters = 11;
constexpr std::size_t kFramePointer = 10;
constexpr std::size_t kSlotBytes = 8;
constexpr std::int32_t kStackMax = 512;

enum class Byte : std::uint8_t { unset, spilled, data, zero };

struct Slot {
  Value spilled;
  std::array<Byte, kSlotBytes> bytes{};  // the last is the one at the lowest address
  bool holds_register() const { return bytes[kSlotBytes - 1] == Byte::spilled; }  // or its lower half
  bool holds_whole_register() const { return bytes[0] == Byte::spilled; }
};

struct Frame {
  std::array<Value, kRegisters> registers;
  std::int64_t call_site = -1;
  std::uint32_t number = 0;  // in the chain of calls
  std::size_t function = 0;
  std::vector<Slot> stack;  // the first is the one below the frame pointer
};

// A path's state at an instruction. Those kept for comparison form a tree.
struct State {
  std::vector<Frame> frames;
  State* parent = nullptr;
  std::size_t branches = 1;  // paths from here that are not walked to their end
  std::int64_t first = 0;    // instruction where it began
  std::int64_t last = -1;
  std::vector<std::pair<std::int64_t, std::int64_t>> jumps;  // instruction, and the one before it

  // Kept states only.
  std::int64_t at = 0;
  unsigned hits = 0;
  unsigned misses = 0;

  Frame& frame() { return frames.back(); }
  std::size_t depth() const { return frames.size() - 1; }

  template <typename Visit>
  void each_value(Visit visit) {
    for (Frame& frame : frames) {
      for (Value& value : frame.registers) {
        visit(value);
      }
      for (Slot& slot : frame.stack) {
        if (slot.holds_whole_register()) {
          visit(slot.spilled);
        }
      }
    }
  }
};

}  // namespace nicsentry::lint
