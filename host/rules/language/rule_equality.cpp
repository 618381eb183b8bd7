// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/rule_equality.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "host/rules/language/rule_text.h"

namespace nicsentry {
namespace {

const std::string& sort_key(const std::string& name) { return name; }

auto sort_key(const AddressRange& range) { return std::tie(range.first.version, range.first.bytes, range.last.bytes); }

template <typename Value>
void sort(std::vector<Value>& values) {
  std::sort(values.begin(), values.end(), [](const Value& a, const Value& b) { return sort_key(a) < sort_key(b); });
}

template <typename Value>
bool same_elements(const std::vector<Value>& left, const std::vector<Value>& right) {
  if (left.size() != right.size()) return false;
  if (left == right) return true;
  std::vector<Value> sorted_left = left;
  std::vector<Value> sorted_right = right;
  sort(sorted_left);
  sort(sorted_right);
  return sorted_left == sorted_right;
}

// Compares without regard to the order of an address's terms.
bool same_addresses(const AddressMatch& left, const AddressMatch& right) {
  return same_elements(left.ranges, right.ranges) && same_elements(left.sets, right.sets) &&
         same_elements(left.except_ranges, right.except_ranges) && same_elements(left.except_sets, right.except_sets);
}

bool same_interfaces(const InterfaceMatch& left, const InterfaceMatch& right) {
  return same_elements(left.names, right.names) && same_elements(left.except, right.except);
}

}  // namespace

bool same_match(const RuleMatch& left, const RuleMatch& right) {
  return same_interfaces(left.in, right.in) && same_interfaces(left.out, right.out) &&
         left.protocols == right.protocols && left.source_ports == right.source_ports &&
         left.destination_ports == right.destination_ports && left.tcp_flags == right.tcp_flags &&
         left.state == right.state && left.numbers == right.numbers && same_addresses(left.source, right.source) &&
         same_addresses(left.destination, right.destination);
}

std::string rule_key(const Rule& rule) {
  // By its text, which has every field; lists in an order of their own.
  Rule plain;
  plain.match = rule.match;
  plain.action = rule.action;
  plain.log_every = rule.log_every;
  plain.limit = rule.limit;
  for (AddressMatch* match : {&plain.match.source, &plain.match.destination}) {
    sort(match->ranges);
    sort(match->sets);
    sort(match->except_ranges);
    sort(match->except_sets);
  }
  for (InterfaceMatch* match : {&plain.match.in, &plain.match.out}) {
    sort(match->names);
    sort(match->except);
  }
  return rule_json(plain, 0, 0).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace nicsentry
