// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/import/foreign_limit.h"

#include <algorithm>

#include "host/rules/import/condition.h"
#include "host/rules/import/fields.h"

namespace nicsentry::foreign {
namespace {

constexpr std::uint64_t kHour = 3600;
// A packet that no bucket is large enough for never passes there, but passes a full one here.
constexpr std::uint64_t kLargestPacket = 65535;

}  // namespace

std::uint64_t seconds_of(const std::string& per) {
  if (per == "second") return 1;
  if (per == "minute") return 60;
  if (per == "hour") return kHour;
  if (per == "day") return 24 * kHour;
  if (per == "week") return 7 * 24 * kHour;
  throw Untold("limit: the unit of time " + per);
}

Limit packets_limit(std::uint64_t amount, const std::string& per, std::uint64_t burst) {
  std::uint64_t seconds = seconds_of(per);
  if (seconds > kHour) {
    if (amount % (seconds / kHour) != 0) {
      throw Untold("limit: " + std::to_string(amount) + "/" + per + " is no whole number of packets an hour");
    }
    amount /= seconds / kHour;
    seconds = kHour;
  }
  Limit limit;
  limit.rate = {amount, static_cast<std::uint32_t>(seconds), false};
  limit.burst = burst;
  return limit;
}

Limit bytes_limit(std::uint64_t bytes, const std::string& per, std::uint64_t burst) {
  const std::uint64_t seconds = seconds_of(per);
  if (bytes * 8 % seconds != 0) throw Untold("limit: no whole number of bits a second");
  if (bytes + burst < kLargestPacket) {
    throw Untold("limit: its bucket holds " + std::to_string(bytes + burst) +
                 " bytes, larger packets never pass there");
  }
  Limit limit;
  limit.rate = {bytes * 8 / seconds, 1, true};
  limit.burst = bytes + burst;
  return limit;
}

BucketKey bucket_key(bool source, bool ipv4, unsigned prefix) {
  if (prefix == 0) return {};
  BucketKey key;
  key.per = source ? BucketKey::Per::source : BucketKey::Per::destination;
  key.ipv6_prefix = source ? BucketKey::kSourcePrefix : BucketKey::kDestinationPrefix;
  (ipv4 ? key.ipv4_prefix : key.ipv6_prefix) = static_cast<std::uint8_t>(prefix);
  return key;
}

unsigned mask_length(const std::string& mask) {
  const IpAddress address = read_address(mask).first;
  unsigned length = 0;
  bool ended = false;
  for (unsigned i = 0; i < (address.version == 6 ? 128U : 32U); ++i) {
    const bool set = (address.bytes.at(i / 8) >> (7 - i % 8) & 1U) != 0;
    if (set && ended) throw Untold("limit: the mask " + mask + " is no prefix");
    ended = !set;
    length += set ? 1 : 0;
  }
  return length;
}

std::string forgets_too_soon(const Limit& limit, std::uint64_t seconds) {
  const double fills = static_cast<double>(limit.burst_of()) * (limit.rate.bits ? 8 : 1) * limit.rate.period_s /
                       static_cast<double>(limit.rate.amount);
  if (fills <= static_cast<double>(seconds)) return {};
  return "a bucket is full again after " + std::to_string(seconds) + " s without a packet; here it fills at the rate";
}

}  // namespace nicsentry::foreign
