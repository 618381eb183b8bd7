// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/rule.h"

#include <algorithm>

#include "host/base/error.h"

namespace nicsentry {
namespace {

// Returns a bit of the address; bit 0 is the first.
bool bit(const IpAddress& address, unsigned index) { return (address.bytes[index / 8] >> (7 - index % 8) & 1) != 0; }

}  // namespace

const char* chain_name(Chain chain) { return chain == Chain::ingress ? "ingress" : "egress"; }

const char* state_name(ConnectionState state) {
  switch (state) {
    case ConnectionState::new_session:
      return "NEW";
    case ConnectionState::established:
      return "ESTABLISHED";
    case ConnectionState::related:
      return "RELATED";
    case ConnectionState::invalid:
      return "INVALID";
  }
  throw Error("not a connection state: " + std::to_string(static_cast<int>(state)));
}

std::uint64_t Limit::usual_burst() const {
  constexpr std::uint64_t kPacketsLeast = 5;
  constexpr std::uint64_t kBytesLeast = 65536;
  return rate.bits ? std::max(kBytesLeast, rate.amount / 8 / 10)
                   : std::max(kPacketsLeast, rate.amount / rate.period_s / 10);
}

std::uint32_t logged_one_of(const Rule& rule) {
  if (rule.log_every != 0) return rule.log_every;
  return rule.action == RuleAction::log ? 1 : 0;
}

bool AddressRange::contains(const IpAddress& address) const {
  return address.version == first.version && first.bytes <= address.bytes && address.bytes <= last.bytes;
}

std::optional<unsigned> AddressRange::prefix_length() const {
  const unsigned bits = first.version == 6 ? 128 : 32;
  unsigned length = 0;
  while (length < bits && bit(first, length) == bit(last, length)) ++length;
  for (unsigned i = length; i < bits; ++i) {
    if (bit(first, i) || !bit(last, i)) return std::nullopt;
  }
  return length;
}

std::string AddressRange::text() const {
  if (first == last) return first.text();
  if (const auto length = prefix_length()) return first.text() + "/" + std::to_string(*length);
  return first.text() + "-" + last.text();
}

std::vector<PortRange> normalised(std::vector<PortRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const PortRange& a, const PortRange& b) { return a.first < b.first; });
  std::vector<PortRange> joined;
  for (const PortRange& range : ranges) {
    if (!joined.empty() && range.first <= joined.back().last + 1U) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

bool InterfaceMatch::accepts(const std::string& name) const {
  const auto has = [&name](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  return (names.empty() || has(names)) && !has(except);
}

}  // namespace nicsentry
