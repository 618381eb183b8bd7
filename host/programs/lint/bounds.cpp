// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/bounds.h"

#include <algorithm>

#include "host/programs/lint/bounds_parts.h"

namespace nicsentry::lint {
namespace {

constexpr std::uint64_t kSign64 = std::uint64_t{1} << 63U;
constexpr std::uint32_t kSign32 = std::uint32_t{1} << 31U;

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

void merge_equal(Bounds& a, Bounds& b) {
  a.umin = b.umin = std::max(a.umin, b.umin);
  a.umax = b.umax = std::min(a.umax, b.umax);
  a.smin = b.smin = std::max(a.smin, b.smin);
  a.smax = b.smax = std::min(a.smax, b.smax);
  a.bits = b.bits = both(a.bits, b.bits);
  a.refine();
  b.refine();
}

}  // namespace nicsentry::lint
