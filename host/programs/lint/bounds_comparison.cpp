// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/bpf.h>

#include <algorithm>
#include <bit>
#include <type_traits>

#include "host/programs/lint/bounds.h"
#include "host/programs/lint/bounds_parts.h"

namespace nicsentry::lint {

unsigned mirrored(unsigned operation) {
  switch (operation) {
    case BPF_JGE:
      return BPF_JLE;
    case BPF_JGT:
      return BPF_JLT;
    case BPF_JLE:
      return BPF_JGE;
    case BPF_JLT:
      return BPF_JGT;
    case BPF_JSGE:
      return BPF_JSLE;
    case BPF_JSGT:
      return BPF_JSLT;
    case BPF_JSLE:
      return BPF_JSGE;
    case BPF_JSLT:
      return BPF_JSGT;
    default:
      return operation;
  }
}

namespace {

// The same comparisons for both widths: `T` is the signed type.
template <typename Unsigned, typename Signed>
Way compared(unsigned operation, const KnownBits& bits, Unsigned umin, Unsigned umax, Signed smin, Signed smax,
             Unsigned constant) {
  const auto signed_constant = static_cast<Signed>(constant);
  const auto decide = [](bool yes, bool no) { return yes ? Way::taken : no ? Way::not_taken : Way::either; };
  switch (operation) {
    case BPF_JEQ:
      return bits.constant() ? decide(bits.value == constant, true) : Way::either;
    case BPF_JNE:
      return bits.constant() ? decide(bits.value != constant, true) : Way::either;
    case BPF_JSET:
      return decide((bits.value & ~bits.unknown & constant) != 0, (bits.greatest() & constant) == 0);
    case BPF_JGT:
      return decide(umin > constant, umax <= constant);
    case BPF_JGE:
      return decide(umin >= constant, umax < constant);
    case BPF_JLT:
      return decide(umax < constant, umin >= constant);
    case BPF_JLE:
      return decide(umax <= constant, umin > constant);
    case BPF_JSGT:
      return decide(smin > signed_constant, smax <= signed_constant);
    case BPF_JSGE:
      return decide(smin >= signed_constant, smax < signed_constant);
    case BPF_JSLT:
      return decide(smax < signed_constant, smin >= signed_constant);
    case BPF_JSLE:
      return decide(smax <= signed_constant, smin > signed_constant);
    default:
      return Way::either;
  }
}

// Wraps around like the kernel's arithmetic does.
template <typename Number>
Number stepped(Number number, int by) {
  using Unsigned = std::make_unsigned_t<Number>;
  return static_cast<Number>(static_cast<Unsigned>(static_cast<Unsigned>(number) + static_cast<Unsigned>(by)));
}

template <typename Unsigned, typename Signed>
void narrow_ends(unsigned operation, Ends<Unsigned, Signed> taken, Ends<Unsigned, Signed> not_taken,
                 Unsigned constant) {
  const auto signed_constant = static_cast<Signed>(constant);
  switch (operation) {
    case BPF_JGE:
    case BPF_JGT: {
      const bool strict = operation == BPF_JGT;
      not_taken.umax = std::min(not_taken.umax, strict ? constant : stepped(constant, -1));
      taken.umin = std::max(taken.umin, strict ? stepped(constant, 1) : constant);
      break;
    }
    case BPF_JLE:
    case BPF_JLT: {
      const bool strict = operation == BPF_JLT;
      not_taken.umin = std::max(not_taken.umin, strict ? constant : stepped(constant, 1));
      taken.umax = std::min(taken.umax, strict ? stepped(constant, -1) : constant);
      break;
    }
    case BPF_JSGE:
    case BPF_JSGT: {
      const bool strict = operation == BPF_JSGT;
      not_taken.smax = std::min(not_taken.smax, strict ? signed_constant : stepped(signed_constant, -1));
      taken.smin = std::max(taken.smin, strict ? stepped(signed_constant, 1) : signed_constant);
      break;
    }
    case BPF_JSLE:
    case BPF_JSLT: {
      const bool strict = operation == BPF_JSLT;
      not_taken.smin = std::max(not_taken.smin, strict ? signed_constant : stepped(signed_constant, 1));
      taken.smax = std::min(taken.smax, strict ? stepped(signed_constant, -1) : signed_constant);
      break;
    }
    default:
      break;
  }
}

bool is_ordering(unsigned operation) { return operation != BPF_JEQ && operation != BPF_JNE && operation != BPF_JSET; }

}  // namespace

Way way_of(unsigned operation, bool wide, const Bounds& number, std::uint64_t constant) {
  if (wide) {
    return compared(operation, number.bits, number.umin, number.umax, number.smin, number.smax, constant);
  }
  return compared(operation, number.bits.low_half(), number.umin32, number.umax32, number.smin32, number.smax32,
                  static_cast<std::uint32_t>(constant));
}

void narrow(unsigned operation, bool wide, Bounds& taken, Bounds& not_taken, std::uint64_t constant,
            std::uint32_t low_constant) {
  KnownBits taken_bits = taken.bits;
  KnownBits not_taken_bits = not_taken.bits;
  if (operation == BPF_JEQ || operation == BPF_JNE) {
    Bounds& equal = operation == BPF_JEQ ? taken : not_taken;
    if (wide) {
      equal = Bounds::constant(constant);
    } else {
      equal.set_low_half(low_constant);
    }
    (operation == BPF_JEQ ? taken_bits : not_taken_bits) = equal.bits;
  } else if (operation == BPF_JSET) {
    not_taken.forget64();
    not_taken.forget32();
    const std::uint64_t tested = wide ? constant : low_constant;
    const KnownBits mask = wide ? exactly(~tested) : exactly(static_cast<std::uint32_t>(~low_constant));
    const KnownBits tested_bits = wide ? not_taken_bits : not_taken_bits.low_half();
    not_taken_bits = wide ? tested_bits & mask : not_taken_bits.high_half() | (tested_bits & mask);
    if (std::has_single_bit(tested)) {
      taken_bits = taken_bits | exactly(tested);
    }
  } else if (is_ordering(operation)) {
    if (wide) {
      narrow_ends<std::uint64_t, std::int64_t>(operation, {taken.umin, taken.umax, taken.smin, taken.smax},
                                               {not_taken.umin, not_taken.umax, not_taken.smin, not_taken.smax},
                                               constant);
    } else {
      narrow_ends<std::uint32_t, std::int32_t>(operation, {taken.umin32, taken.umax32, taken.smin32, taken.smax32},
                                               {not_taken.umin32, not_taken.umax32, not_taken.smin32, not_taken.smax32},
                                               low_constant);
    }
  }
  taken.bits = taken_bits;
  not_taken.bits = not_taken_bits;
  for (Bounds* bounds : {&not_taken, &taken}) {
    if (wide) {
      bounds->whole_decides();
    } else {
      bounds->low_half_decides();
    }
  }
}

}  // namespace nicsentry::lint
