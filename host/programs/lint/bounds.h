// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <limits>

#include "host/programs/lint/known_bits.h"

namespace nicsentry::lint {

// Knowledge of a number: bits, and bounds of it and of its lower half, signed and unsigned. As in the kernel's
// verifier (6.1): the driver asks for these bounds, so a tighter one would be as wrong as a wider one.
struct Bounds {
  KnownBits bits;
  std::int64_t smin = std::numeric_limits<std::int64_t>::min();
  std::int64_t smax = std::numeric_limits<std::int64_t>::max();
  std::uint64_t umin = 0;
  std::uint64_t umax = std::numeric_limits<std::uint64_t>::max();
  std::int32_t smin32 = std::numeric_limits<std::int32_t>::min();
  std::int32_t smax32 = std::numeric_limits<std::int32_t>::max();
  std::uint32_t umin32 = 0;
  std::uint32_t umax32 = std::numeric_limits<std::uint32_t>::max();

  static Bounds constant(std::uint64_t number);

  bool unbounded() const { return *this == Bounds{}; }
  bool contradictory(bool wide) const;  // as on a path that cannot be walked

  void forget64();
  void forget32();
  void set_low_half(std::uint64_t number);
  void use_bits();          // bounds from the known bits
  void refine();            // bounds and bits from each other
  void low_half_decides();  // after a comparison of the lower halves
  void whole_decides();     // after a comparison of the whole numbers
  void zero_extend();       // the upper half becomes 0
  void truncate(unsigned bytes);

  // Whether each number within `other` is within these bounds; without the known bits.
  bool span(const Bounds& other) const;
  friend bool operator==(const Bounds&, const Bounds&) = default;
};

// `target` after an arithmetic instruction of BPF (BPF_ADD and so on) with `source`.
void apply_arithmetic(unsigned operation, bool wide, Bounds& target, const Bounds& source);

// Which way a conditional jump goes that compares with a constant.
enum class Way { taken, not_taken, either };
Way way_of(unsigned operation, bool wide, const Bounds& number, std::uint64_t constant);

// Narrows what is known on either way of such a jump.
void narrow(unsigned operation, bool wide, Bounds& taken, Bounds& not_taken, std::uint64_t constant,
            std::uint32_t low_constant);

// The comparison with its operands exchanged.
unsigned mirrored(unsigned operation);

// Two numbers are the same: each gets what is known of either.
void merge_equal(Bounds& a, Bounds& b);

}  // namespace nicsentry::lint
