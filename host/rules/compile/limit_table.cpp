// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/compile/limit_table.h"

#include <algorithm>
#include <limits>

namespace nicsentry {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr unsigned kCostFraction = LIMIT_TIME_SHIFT + LIMIT_COST_SHIFT;

constexpr std::uint64_t kDay = (86400 * kNsPerSecond) << LIMIT_TIME_SHIFT;
static_assert(kDay <= std::numeric_limits<std::uint64_t>::max() >> LIMIT_COST_SHIFT, "a day's cost fits 64 bits");

// The time of a packet or byte, rounded down: a rate is met to a part of 10^-4 or better.
std::uint64_t cost_of(const Rate& rate) {
  const Wide time = (Wide{kNsPerSecond} * rate.period_s * (rate.bits ? 8 : 1)) << kCostFraction;
  return static_cast<std::uint64_t>(time / rate.amount);
}

// The upper bits of 64, so many of them.
std::uint64_t upper_bits(unsigned count) { return count == 0 ? 0 : ~std::uint64_t{0} << (64 - std::min(count, 64U)); }

}  // namespace

std::array<limit, 2> limit_of(const Limit& rule, Chain chain) {
  limit made{};
  made.cost = cost_of(rule.rate);
  made.room = static_cast<std::uint64_t>((Wide{made.cost} * rule.burst_of()) >> LIMIT_COST_SHIFT);
  made.most = static_cast<__u32>(
      std::min<std::uint64_t>((kDay << LIMIT_COST_SHIFT) / made.cost, std::numeric_limits<__u32>::max()));
  made.config = rule.rate.bits ? LIMIT_BYTES : 0U;
  const bool remote_is_source = chain == Chain::ingress;
  const bool by_source = rule.key.per == BucketKey::Per::source;
  made.config |= by_source == remote_is_source ? 0U : LIMIT_LOCAL;
  std::array<limit, 2> families{made, made};
  if (rule.key.per != BucketKey::Per::rule) {
    const unsigned bits = rule.key.ipv6_prefix;
    families[0].high = ~std::uint64_t{0};  // IPV4_HIGH: no IPv6 address shares the bucket
    families[0].low = upper_bits(rule.key.ipv4_prefix) >> 32U;
    families[1].high = upper_bits(std::min(bits, 64U));
    families[1].low = upper_bits(bits > 64 ? bits - 64 : 0);
  }
  return families;
}

}  // namespace nicsentry
