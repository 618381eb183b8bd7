// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/bounds.h"

#include <linux/bpf.h>

#include <algorithm>

namespace nicsentry::lint {
namespace {

constexpr std::uint64_t kSign64 = std::uint64_t{1} << 63U;
constexpr std::uint32_t kSign32 = std::uint32_t{1} << 31U;

std::int64_t s64(std::uint64_t number) { return static_cast<std::int64_t>(number); }
std::uint64_t u64(std::int64_t number) { return static_cast<std::uint64_t>(number); }
std::int32_t s32(std::uint64_t number) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(number)); }
std::uint32_t u32(std::int64_t number) { return static_cast<std::uint32_t>(number); }

// Signed and unsigned bounds of one width learn the sign from each other.
template <typename Signed, typename Unsigned>
void share_sign(Signed& smin, Signed& smax, Unsigned& umin, Unsigned& umax) {
  if (smin >= 0 || smax < 0) {
    umin = std::max(static_cast<Unsigned>(smin), umin);
    umax = std::min(static_cast<Unsigned>(smax), umax);
    smin = static_cast<Signed>(umin);
    smax = static_cast<Signed>(umax);
  } else if (static_cast<Signed>(umax) >= 0) {
    smin = static_cast<Signed>(umin);
    umax = std::min(static_cast<Unsigned>(smax), umax);
    smax = static_cast<Signed>(umax);
  } else if (static_cast<Signed>(umin) < 0) {
    umin = std::max(static_cast<Unsigned>(smin), umin);
    smin = static_cast<Signed>(umin);
    smax = static_cast<Signed>(umax);
  }
}

bool in_s32(std::int64_t number) { return number >= INT32_MIN && number <= INT32_MAX; }

}  // namespace

Bounds Bounds::constant(std::uint64_t number) {
  Bounds bounds;
  bounds.bits = exactly(number);
  bounds.smin = bounds.smax = s64(number);
  bounds.umin = bounds.umax = number;
  bounds.smin32 = bounds.smax32 = s32(number);
  bounds.umin32 = bounds.umax32 = static_cast<std::uint32_t>(number);
  return bounds;
}

bool Bounds::contradictory(bool wide) const {
  if (wide) {
    return (bits.constant() && (smin != smax || umin != umax)) || smin > smax || umin > umax;
  }
  return (bits.low_half().constant() && (smin32 != smax32 || umin32 != umax32)) || smin32 > smax32 || umin32 > umax32;
}

void Bounds::forget64() {
  const Bounds nothing;
  smin = nothing.smin;
  smax = nothing.smax;
  umin = nothing.umin;
  umax = nothing.umax;
}

void Bounds::forget32() {
  const Bounds nothing;
  smin32 = nothing.smin32;
  smax32 = nothing.smax32;
  umin32 = nothing.umin32;
  umax32 = nothing.umax32;
}

void Bounds::set_low_half(std::uint64_t number) {
  bits = bits.high_half() | exactly(number);
  smin32 = smax32 = s32(number);
  umin32 = umax32 = static_cast<std::uint32_t>(number);
}

void Bounds::use_bits() {
  const KnownBits low = bits.low_half();
  smin32 = std::max(smin32, s32(low.value | (low.unknown & kSign32)));
  smax32 = std::min(smax32, s32(low.value | (low.unknown & ~std::uint64_t{kSign32})));
  umin32 = std::max(umin32, static_cast<std::uint32_t>(low.value));
  umax32 = std::min(umax32, static_cast<std::uint32_t>(low.greatest()));
  smin = std::max(smin, s64(bits.value | (bits.unknown & kSign64)));
  smax = std::min(smax, s64(bits.value | (bits.unknown & ~kSign64)));
  umin = std::max(umin, bits.value);
  umax = std::min(umax, bits.greatest());
}

void Bounds::refine() {
  use_bits();
  share_sign(smin32, smax32, umin32, umax32);
  share_sign(smin, smax, umin, umax);
  const KnownBits whole = both(bits, between(umin, umax));
  bits = whole.high_half() | both(whole.low_half(), between(umin32, umax32));
  use_bits();
}

void Bounds::zero_extend() {
  bits = bits.low_half();
  umin = umin32;
  umax = umax32;
  if (smin32 >= 0 && smax32 >= 0) {
    smin = smin32;
    smax = smax32;
  } else {
    smin = 0;
    smax = UINT32_MAX;
  }
}

void Bounds::low_half_decides() {
  if (bits.high_half().is(0)) {
    const KnownBits kept = bits;
    zero_extend();
    bits = kept;
  } else {
    forget64();
  }
  refine();
}

void Bounds::whole_decides() {
  forget32();
  if (in_s32(smin) && in_s32(smax)) {
    smin32 = static_cast<std::int32_t>(smin);
    smax32 = static_cast<std::int32_t>(smax);
  }
  if (umin <= UINT32_MAX && umax <= UINT32_MAX) {
    umin32 = static_cast<std::uint32_t>(umin);
    umax32 = static_cast<std::uint32_t>(umax);
  }
  refine();
}

void Bounds::truncate(unsigned bytes) {
  bits = bits.low_bytes(bytes);
  const std::uint64_t mask = (std::uint64_t{1} << (bytes * 8)) - 1;
  if ((umin & ~mask) == (umax & ~mask)) {
    umin &= mask;
    umax &= mask;
  } else {
    umin = 0;
    umax = mask;
  }
  smin = s64(umin);
  smax = s64(umax);
  if (bytes < 4) {
    whole_decides();
  }
}

bool Bounds::span(const Bounds& other) const {
  return umin <= other.umin && umax >= other.umax && smin <= other.smin && smax >= other.smax &&
         umin32 <= other.umin32 && umax32 >= other.umax32 && smin32 <= other.smin32 && smax32 >= other.smax32;
}

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

void merge_equal(Bounds& a, Bounds& b) {
  a.umin = b.umin = std::max(a.umin, b.umin);
  a.umax = b.umax = std::min(a.umax, b.umax);
  a.smin = b.smin = std::max(a.smin, b.smin);
  a.smax = b.smax = std::min(a.smax, b.smax);
  a.bits = b.bits = both(a.bits, b.bits);
  a.refine();
  b.refine();
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

// Bounds of one width on both ways.
template <typename Unsigned, typename Signed>
struct Ends {
  Unsigned& umin;
  Unsigned& umax;
  Signed& smin;
  Signed& smax;
};

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

namespace {

template <typename Signed>
bool sum_overflows(Signed a, Signed b) {
  Signed ignored;
  return __builtin_add_overflow(a, b, &ignored);
}

template <typename Signed>
bool difference_overflows(Signed a, Signed b) {
  Signed ignored;
  return __builtin_sub_overflow(a, b, &ignored);
}

template <typename Signed, typename Unsigned>
void add_ends(Ends<Unsigned, Signed> t, Ends<Unsigned, Signed> s) {
  if (sum_overflows(t.smin, s.smin) || sum_overflows(t.smax, s.smax)) {
    t.smin = std::numeric_limits<Signed>::min();
    t.smax = std::numeric_limits<Signed>::max();
  } else {
    t.smin = static_cast<Signed>(t.smin + s.smin);
    t.smax = static_cast<Signed>(t.smax + s.smax);
  }
  const auto low = static_cast<Unsigned>(t.umin + s.umin);
  const auto high = static_cast<Unsigned>(t.umax + s.umax);
  const bool wraps = low < s.umin || high < s.umax;
  t.umin = wraps ? 0 : low;
  t.umax = wraps ? std::numeric_limits<Unsigned>::max() : high;
}

template <typename Signed, typename Unsigned>
void subtract_ends(Ends<Unsigned, Signed> t, Ends<Unsigned, Signed> s) {
  if (difference_overflows(t.smin, s.smax) || difference_overflows(t.smax, s.smin)) {
    t.smin = std::numeric_limits<Signed>::min();
    t.smax = std::numeric_limits<Signed>::max();
  } else {
    t.smin = static_cast<Signed>(t.smin - s.smax);
    t.smax = static_cast<Signed>(t.smax - s.smin);
  }
  const bool wraps = t.umin < s.umax;
  t.umin = wraps ? 0 : static_cast<Unsigned>(t.umin - s.umax);
  t.umax = wraps ? std::numeric_limits<Unsigned>::max() : static_cast<Unsigned>(t.umax - s.umin);
}

template <typename Signed, typename Unsigned>
void multiply_ends(Ends<Unsigned, Signed> t, Ends<Unsigned, Signed> s) {
  constexpr Unsigned kHalf = (Unsigned{1} << (sizeof(Unsigned) * 4)) - 1;
  if (s.smin < 0 || t.smin < 0 || s.umax > kHalf || t.umax > kHalf) {
    t.smin = std::numeric_limits<Signed>::min();
    t.smax = std::numeric_limits<Signed>::max();
    t.umin = 0;
    t.umax = std::numeric_limits<Unsigned>::max();
    return;
  }
  t.umin *= s.umin;
  t.umax *= s.umax;
  const bool fits = t.umax <= static_cast<Unsigned>(std::numeric_limits<Signed>::max());
  t.smin = fits ? static_cast<Signed>(t.umin) : std::numeric_limits<Signed>::min();
  t.smax = fits ? static_cast<Signed>(t.umax) : std::numeric_limits<Signed>::max();
}

// After AND, OR and XOR: `bits` is the result's; the bounds are still those before.
template <typename Signed, typename Unsigned>
void bitwise_ends(unsigned operation, const KnownBits& bits, Ends<Unsigned, Signed> t, Ends<Unsigned, Signed> s) {
  const auto known = static_cast<Unsigned>(bits.value);
  const auto greatest = static_cast<Unsigned>(bits.greatest());
  const bool positive = t.smin >= 0 && s.smin >= 0;
  if (operation == BPF_AND) {
    t.umin = known;
    t.umax = std::min(t.umax, s.umax);
  } else if (operation == BPF_OR) {
    t.umin = std::max(t.umin, s.umin);
    t.umax = greatest;
  } else {
    t.umin = known;
    t.umax = greatest;
  }
  t.smin = positive ? static_cast<Signed>(t.umin) : std::numeric_limits<Signed>::min();
  t.smax = positive ? static_cast<Signed>(t.umax) : std::numeric_limits<Signed>::max();
}

Ends<std::uint64_t, std::int64_t> whole(Bounds& b) { return {b.umin, b.umax, b.smin, b.smax}; }
Ends<std::uint32_t, std::int32_t> low(Bounds& b) { return {b.umin32, b.umax32, b.smin32, b.smax32}; }

void apply_bitwise(unsigned operation, Bounds& target, Bounds source) {
  if (operation == BPF_AND) {
    target.bits = target.bits & source.bits;
  } else if (operation == BPF_OR) {
    target.bits = target.bits | source.bits;
  } else {
    target.bits = target.bits ^ source.bits;
  }
  const KnownBits low_bits = target.bits.low_half();
  if (source.bits.low_half().constant() && low_bits.constant()) {
    target.set_low_half(low_bits.value);
  } else {
    bitwise_ends(operation, low_bits, low(target), low(source));
  }
  if (source.bits.constant() && target.bits.constant()) {
    target = Bounds::constant(target.bits.value);
    return;
  }
  bitwise_ends(operation, target.bits, whole(target), whole(source));
  target.use_bits();
}

void shift_low_left(Bounds& target, std::uint64_t least, std::uint64_t most) {
  const Bounds nothing;
  target.smin32 = nothing.smin32;
  target.smax32 = nothing.smax32;
  if (most > 31 || target.umax32 > std::uint64_t{1} << (31 - most)) {
    target.umin32 = nothing.umin32;
    target.umax32 = nothing.umax32;
  } else {
    target.umin32 <<= least;
    target.umax32 <<= most;
  }
}

void use_low_bits(Bounds& target) {
  target.forget64();
  const Bounds kept = target;
  target.use_bits();
  target.smin = kept.smin;
  target.smax = kept.smax;
  target.umin = kept.umin;
  target.umax = kept.umax;
}

void shift_low(unsigned operation, Bounds& target, const Bounds& source) {
  const std::uint32_t least = source.umin32;
  const std::uint32_t most = source.umax32;
  const KnownBits bits = target.bits.low_half();
  if (operation == BPF_LSH) {
    shift_low_left(target, least, most);
    target.bits = (bits << least).low_half();
  } else if (operation == BPF_RSH) {
    target.smin32 = INT32_MIN;
    target.smax32 = INT32_MAX;
    target.bits = bits >> least;
    target.umin32 >>= most;
    target.umax32 >>= least;
  } else {
    target.smin32 = static_cast<std::int32_t>(target.smin32 >> least);
    target.smax32 = static_cast<std::int32_t>(target.smax32 >> least);
    target.bits = {u32(s32(bits.value) >> least), u32(s32(bits.unknown) >> least)};
    target.umin32 = 0;
    target.umax32 = UINT32_MAX;
  }
  use_low_bits(target);
}

void shift_whole(unsigned operation, Bounds& target, const Bounds& source) {
  const auto least = static_cast<unsigned>(source.umin);
  const auto most = static_cast<unsigned>(source.umax);
  if (operation == BPF_LSH) {
    if (least == 32 && most == 32) {
      target.smax = s64(u64(target.smax32) << 32U);
      target.smin = s64(u64(target.smin32) << 32U);
    } else {
      target.smax = INT64_MAX;
      target.smin = INT64_MIN;
    }
    if (target.umax > std::uint64_t{1} << (63 - most)) {
      target.umin = 0;
      target.umax = UINT64_MAX;
    } else {
      target.umin <<= least;
      target.umax <<= most;
    }
    shift_low_left(target, least, most);
    target.bits = target.bits << least;
  } else if (operation == BPF_RSH) {
    target.smin = INT64_MIN;
    target.smax = INT64_MAX;
    target.bits = target.bits >> least;
    target.umin >>= most;
    target.umax >>= least;
    target.forget32();
  } else {
    target.smin >>= least;
    target.smax >>= least;
    target.bits = {u64(s64(target.bits.value) >> least), u64(s64(target.bits.unknown) >> least)};
    target.umin = 0;
    target.umax = UINT64_MAX;
    target.forget32();
  }
  target.use_bits();
}

}  // namespace

void apply_arithmetic(unsigned operation, bool wide, Bounds& target, const Bounds& source) {
  const bool known = wide ? source.bits.constant() : source.bits.low_half().constant();
  const bool sums = operation == BPF_ADD || operation == BPF_SUB || operation == BPF_AND;
  if (source.contradictory(wide) || (!known && !sums)) {
    target = Bounds{};  // also of a 32-bit operation: not even the upper half is known to be 0
    return;
  }
  Bounds other = source;
  switch (operation) {
    case BPF_ADD:
      add_ends(low(target), low(other));
      add_ends(whole(target), whole(other));
      target.bits = target.bits + other.bits;
      break;
    case BPF_SUB:
      subtract_ends(low(target), low(other));
      subtract_ends(whole(target), whole(other));
      target.bits = target.bits - other.bits;
      break;
    case BPF_MUL:
      target.bits = target.bits * other.bits;
      multiply_ends(low(target), low(other));
      multiply_ends(whole(target), whole(other));
      break;
    case BPF_AND:
    case BPF_OR:
    case BPF_XOR:
      apply_bitwise(operation, target, other);
      break;
    case BPF_LSH:
    case BPF_RSH:
    case BPF_ARSH:
      if (source.umax >= (wide ? 64 : 32)) {
        target = Bounds{};
      } else if (wide) {
        shift_whole(operation, target, source);
      } else {
        shift_low(operation, target, source);
      }
      break;
    default:
      target = Bounds{};
      break;
  }
  if (!wide) {
    target.zero_extend();
  }
  target.refine();
}

}  // namespace nicsentry::lint
