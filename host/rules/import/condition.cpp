// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/import/condition.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace nicsentry::foreign {
namespace {

template <typename Value>
void append(std::vector<Value>& to, const std::vector<Value>& from) {
  for (const Value& value : from) {
    if (std::find(to.begin(), to.end(), value) == to.end()) to.push_back(value);
  }
}

// Intersects lists of values, of which an empty one means all. False where both have none in common.
template <typename Value>
bool join(std::vector<Value>& all, const std::vector<Value>& other) {
  if (all.empty() || other.empty()) {
    if (all.empty()) all = other;
    return true;
  }
  std::erase_if(all,
                [&other](const Value& value) { return std::find(other.begin(), other.end(), value) == other.end(); });
  return !all.empty();
}

// The parts that each range of the one has in common with each of the other.
template <typename Range>
bool join_ranges(std::vector<Range>& all, const std::vector<Range>& other) {
  if (all.empty() || other.empty()) {
    if (all.empty()) all = other;
    return true;
  }
  std::vector<Range> both;
  for (const Range& a : all) {
    for (const Range& b : other) {
      Range common = a;
      common.first = std::max(a.first, b.first);
      common.last = std::min(a.last, b.last);
      if (common.first <= common.last) both.push_back(common);
    }
  }
  all = std::move(both);
  return !all.empty();
}

bool join(AddressMatch& all, const AddressMatch& other) {
  append(all.except_ranges, other.except_ranges);
  append(all.except_sets, other.except_sets);
  const bool any = all.ranges.empty() && all.sets.empty();
  const bool other_any = other.ranges.empty() && other.sets.empty();
  if (any || other_any) {
    if (any) {
      all.ranges = other.ranges;
      all.sets = other.sets;
    }
    return true;
  }
  if (!all.sets.empty() || !other.sets.empty()) {
    throw Untold("an address in two sets at once: no rule says so");
  }
  return join_ranges(all.ranges, other.ranges);
}

bool join(InterfaceMatch& all, const InterfaceMatch& other) {
  append(all.except, other.except);
  return join(all.names, other.names);
}

bool join(std::optional<TcpFlagsMatch>& all, const std::optional<TcpFlagsMatch>& other) {
  if (!all || !other) {
    if (!all) all = other;
    return true;
  }
  const auto common = static_cast<std::uint8_t>(all->mask & other->mask);
  if ((all->value & common) != (other->value & common)) return false;
  *all = {static_cast<std::uint8_t>(all->mask | other->mask), static_cast<std::uint8_t>(all->value | other->value)};
  return true;
}

}  // namespace

std::optional<Condition> both_of(const Condition& a, const Condition& b) {
  Condition both = a;
  if (a.family && b.family && *a.family != *b.family) return std::nullopt;
  if (!a.family) both.family = b.family;
  both.states = static_cast<std::uint8_t>(a.states & b.states);
  both.untyped_ports = a.untyped_ports || b.untyped_ports;
  RuleMatch& match = both.match;
  bool numbers = true;
  for (std::size_t i = 0; i < match.numbers.size(); ++i) {
    numbers = join_ranges(match.numbers.at(i), b.match.numbers.at(i)) && numbers;
  }
  const bool possible =
      numbers && both.states != 0 && join(match.in, b.match.in) && join(match.out, b.match.out) &&
      join(match.source, b.match.source) && join(match.destination, b.match.destination) &&
      join(match.protocols, b.match.protocols) && join_ranges(match.source_ports, b.match.source_ports) &&
      join_ranges(match.destination_ports, b.match.destination_ports) && join(match.tcp_flags, b.match.tcp_flags);
  return possible ? std::optional(std::move(both)) : std::nullopt;
}

std::vector<PortRange> other_numbers(const std::vector<PortRange>& numbers, std::uint16_t last) {
  std::vector<PortRange> others;
  std::uint32_t next = 0;
  for (const PortRange& range : normalised(numbers)) {
    if (range.first > next) {
      others.push_back({static_cast<std::uint16_t>(next), static_cast<std::uint16_t>(range.first - 1)});
    }
    next = range.last + 1U;
  }
  if (next <= last) others.push_back({static_cast<std::uint16_t>(next), last});
  return others;
}

std::vector<PortRange> other_ports(const std::vector<PortRange>& ports) { return other_numbers(ports, 0xffff); }

}  // namespace nicsentry::foreign
