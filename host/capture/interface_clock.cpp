// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/interface_clock.h"

#include <limits>

namespace nicsentry {
namespace {

__extension__ using WideUnsigned = unsigned __int128;
__extension__ using WideSigned = __int128;

constexpr std::uint8_t kPowerOfTwo = 0x80;
constexpr unsigned kNsDigits = 9;
constexpr std::uint64_t kNsInSecond = 1'000'000'000;

// 2^64 * 10^9 is below 2^94.
WideUnsigned nanoseconds(std::uint64_t ticks, std::uint8_t resolution) {
  const unsigned exponent = resolution & ~unsigned{kPowerOfTwo};
  if ((resolution & kPowerOfTwo) != 0) return WideUnsigned{ticks} * kNsInSecond >> exponent;
  WideUnsigned ns = ticks;
  for (unsigned digits = exponent; digits < kNsDigits; ++digits) ns *= 10;
  for (unsigned digits = kNsDigits; digits < exponent && ns != 0; ++digits) ns /= 10;
  return ns;
}

}  // namespace

std::optional<TimestampNs> InterfaceClock::time_of(std::uint64_t ticks) const {
  const WideSigned time =
      static_cast<WideSigned>(nanoseconds(ticks, resolution_)) + WideSigned{offset_s_} * WideSigned{kNsInSecond};
  if (time < 0 || time >= std::numeric_limits<TimestampNs>::max()) return std::nullopt;
  return static_cast<TimestampNs>(time);
}

}  // namespace nicsentry
