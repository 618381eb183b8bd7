// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "host/enforce/firewall.h"

namespace nicsentry {
namespace {

using BucketEnd = std::pair<std::uint64_t, std::uint64_t>;  // the halves of a limited_key

void put_bytes(std::uint64_t value, std::size_t bytes, IpAddress& address, std::size_t at) {
  for (std::size_t i = 0; i < bytes; ++i) {
    address.bytes.at(at + i) = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
  }
}

// All addresses that have the bucket.
std::optional<AddressRange> range_of(const BucketEnd& end, const BucketKey& key) {
  if (key.per == BucketKey::Per::rule) {
    return std::nullopt;
  }
  const bool ipv4 = end.first == IPV4_HIGH;
  const auto address_of = [ipv4](std::uint64_t high, std::uint64_t low) {
    IpAddress address;
    address.version = ipv4 ? 4 : 6;
    if (ipv4) {
      put_bytes(low, 4, address, 0);
    } else {
      put_bytes(high, 8, address, 0);
      put_bytes(low, 8, address, 8);
    }
    return address;
  };
  const unsigned free_low = ipv4 ? 32U - key.ipv4_prefix : 128U - std::max<unsigned>(key.ipv6_prefix, 64);
  const unsigned free_high = ipv4 || key.ipv6_prefix >= 64 ? 0 : 64U - key.ipv6_prefix;
  const auto lower_bits = [](unsigned count) {
    return count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
  };
  return AddressRange{address_of(end.first, end.second),
                      address_of(end.first | lower_bits(free_high), end.second | lower_bits(free_low))};
}

std::uint64_t ns_since_boot() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

}  // namespace

std::vector<LimitedRule> Firewall::limited(Chain chain) const {
  const Pause pause(*this);
  std::map<std::uint32_t, std::map<BucketEnd, limited_count>> found;  // by counter; of all attachments
  for (const auto& [counter, one] : installation_.limited(chain)) {
    limited_count& sum = found[counter][{one.key.high, one.key.low}];
    sum.packets += one.count.packets;
    sum.bytes += one.count.bytes;
    sum.last_ns = std::max(sum.last_ns, one.count.last_ns);
  }
  const std::uint64_t now = ns_since_boot();
  std::vector<LimitedRule> limited;
  const auto rules = pause.rules(chain);
  for (std::size_t id = 0; id < rules->rules.size(); ++id) {
    const Rule& rule = rules->rules[id];
    if (rule.action != RuleAction::limit) {
      continue;
    }
    LimitedRule& made = limited.emplace_back(LimitedRule{id, rule, {}});
    for (const auto& [end, count] : found[rule.counter]) {
      made.addresses.push_back({range_of(end, rule.limit->key), count.packets, count.bytes,
                                std::chrono::nanoseconds(now - std::min<std::uint64_t>(count.last_ns, now))});
    }
    std::stable_sort(made.addresses.begin(), made.addresses.end(),
                     [](const LimitedAddress& a, const LimitedAddress& b) { return a.packets > b.packets; });
  }
  return limited;
}

}  // namespace nicsentry
