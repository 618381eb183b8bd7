// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/limit_model.h"

#include <algorithm>

#include "host/rules/compile/limit_table.h"
#include "host/rules/compile/match_row.h"

namespace nicsentry {

void LimitModel::forget_others(const Rule& rule) {
  const auto [known, is_new] = limits_.try_emplace(rule.counter, *rule.limit);
  if (!is_new && known->second != *rule.limit) {
    known->second = *rule.limit;
    std::erase_if(buckets_, [&rule](const auto& bucket) { return bucket.first.counter == rule.counter; });
  }
}

// A bucket that is full again is as one that nobody has used.
void LimitModel::drop_full_buckets(Time now) {
  if (buckets_.size() >= look_again_at_) {
    std::erase_if(buckets_, [now](const auto& bucket) { return bucket.second <= now; });
    look_again_at_ = std::max(look_again_at_, buckets_.size() * 2);
  }
}

bool LimitModel::exceeds(const Rule& rule, const JudgedPacket& packet, TimestampNs now_ns) {
  forget_others(rule);
  const IpAddress& end = rule.limit->key.per == BucketKey::Per::destination ? packet.destination : packet.source;
  // The chain only says which end is the remote one.
  const limit made = limit_of(*rule.limit, Chain::ingress).at(end.version == 6 ? 1 : 0);
  const Uint128 address = address_number(end);
  const std::uint64_t high = end.version == 6 ? static_cast<std::uint64_t>(address >> 64U) : IPV4_HIGH;
  const Time now = static_cast<Time>(now_ns) << LIMIT_TIME_SHIFT;
  drop_full_buckets(now);
  Time& full_at = buckets_.try_emplace({rule.counter, high & made.high, static_cast<std::uint64_t>(address) & made.low})
                      .first->second;
  const std::uint64_t amount =
      std::min<std::uint64_t>((made.config & LIMIT_BYTES) != 0 ? packet.length.value_or(0) : 1, made.most);
  const Time cost = static_cast<Time>(amount * made.cost >> LIMIT_COST_SHIFT);
  const Time ahead = std::max<Time>(full_at - now, 0);
  const Time room = static_cast<Time>(made.room);
  if (ahead + std::min(cost, room) > room) {
    return true;
  }
  full_at = now + ahead + cost;
  return false;
}

}  // namespace nicsentry
