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

bool has_name(const Rule& rule, const std::string& name) {
  const auto names = {&rule.match.in.names, &rule.match.in.except, &rule.match.out.names, &rule.match.out.except};
  return std::any_of(names.begin(), names.end(),
                     [&name](const auto* list) { return std::find(list->begin(), list->end(), name) != list->end(); });
}

}  // namespace

std::map<std::string, std::size_t> taken_names(const ChainRules& chain, const PortNames& names) {
  std::map<std::string, std::size_t> taken;
  for (const auto& [former, name] : names) {
    if (names.contains(name)) {
      continue;  // its port has another name now, and its rules with it
    }
    const auto rules = std::count_if(chain.rules.begin(), chain.rules.end(),
                                     [&name = name](const Rule& rule) { return has_name(rule, name); });
    if (rules != 0) {
      taken[name] = static_cast<std::size_t>(rules);
    }
  }
  return taken;
}

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
