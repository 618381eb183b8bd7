// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/api/json/fields.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// Where a run enforces a chain.
struct EnforcedPlace {
  std::string attachment;              // "eth0/xdp"
  std::optional<std::string> failing;  // why the last changes are not in force there; none: they are
};

// Which chains a run enforces where. Every change and every list has it.
struct Enforced {
  std::vector<EnforcedPlace> ingress;
  std::vector<EnforcedPlace> egress;
  // The parts in force that the state directory lacks, and why; none: all is saved, or nothing is kept.
  std::optional<std::string> unsaved{};

  const std::vector<EnforcedPlace>& of(Chain chain) const { return chain == Chain::ingress ? ingress : egress; }
};
nlohmann::ordered_json encode(const Enforced& enforced);
template <>
Enforced decode(const nlohmann::json& answer);

// The field "enforced" of an answer.
Enforced get_enforced(Fields& fields);

// The answer to a change that returns nothing else.
struct EnforcedAnswer {
  Enforced enforced;
};
nlohmann::ordered_json encode(const EnforcedAnswer& answer);
template <>
EnforcedAnswer decode(const nlohmann::json& answer);

}  // namespace nicsentry
