// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace nicsentry::lint {

// The rules of a card, in the order in which a report shows them.
enum class Rule {
  firmware,
  object,
  map_types,
  map_flags,
  map_sizes,
  map_count,
  map_elements,
  global_data,
  kernel,
  instructions,
  helpers,
  map_stores,
  word_use,
  map_offsets,
  atomics,
  multiplications,
  divisions,
  shifts,
  pointers,
  stack_offsets,
  stack_size,
  key_arguments,
  event_arguments,
  context_fields,
  packet_split,
  length,
};

struct RuleInfo {
  Rule rule;
  const char* name;   // for programs: "map-types"
  const char* title;  // for people
};
const std::vector<RuleInfo>& all_rules();
const RuleInfo& info_of(Rule rule);

// A place where a program breaks a rule.
struct Finding {
  Rule rule = Rule::kernel;
  std::optional<std::size_t> instruction;  // nothing: the object as a whole, or a map
  std::string driver_says;                 // the driver's words, or the kernel's or loader's
  std::string way_out;                     // what to write instead
};

}  // namespace nicsentry::lint
