// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/bpf.h>

#include <algorithm>
#include <limits>

#include "host/programs/lint/bounds.h"
#include "host/programs/lint/bounds_parts.h"

namespace nicsentry::lint {
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
