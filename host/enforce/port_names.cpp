// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/port_names.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace nicsentry {
namespace {

// A name that is there already stays the only one.
bool rename_in(std::vector<std::string>& list, const PortNames& names) {
  std::vector<std::string> next;
  for (const std::string& name : list) {
    const auto found = names.find(name);
    const std::string& now = found == names.end() ? name : found->second;
    if (std::find(next.begin(), next.end(), now) == next.end()) {
      next.push_back(now);
    }
  }
  return std::exchange(list, next) != next;
}

}  // namespace

std::size_t rename_ports(ChainRules& chain, const PortNames& names) {
  std::size_t renamed = 0;
  for (Rule& rule : chain.rules) {
    bool any = false;
    for (InterfaceMatch* match : {&rule.match.in, &rule.match.out}) {
      any = rename_in(match->names, names) || any;
      any = rename_in(match->except, names) || any;
    }
    renamed += any ? 1 : 0;
  }
  return renamed;
}

}  // namespace nicsentry
