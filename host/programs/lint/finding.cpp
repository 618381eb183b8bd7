// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/finding.h"

#include <algorithm>

namespace nicsentry::lint {

const std::vector<RuleInfo>& all_rules() {
  static const std::vector<RuleInfo> rules{
      {Rule::firmware, "firmware", "the firmware offloads programs"},
      {Rule::object, "object", "the loader can resolve the object"},
      {Rule::map_types, "map-types", "map types"},
      {Rule::map_flags, "map-flags", "map flags and NUMA node"},
      {Rule::map_sizes, "map-sizes", "sizes of keys and values"},
      {Rule::map_count, "map-count", "number of maps"},
      {Rule::map_elements, "map-elements", "elements of all maps"},
      {Rule::global_data, "global-data", "no global data"},
      {Rule::kernel, "kernel", "the kernel's own rules"},
      {Rule::instructions, "instructions", "instructions that the translator knows"},
      {Rule::helpers, "helpers", "helpers of the firmware"},
      {Rule::map_stores, "map-stores", "no store to a map's value"},
      {Rule::word_use, "word-use", "each word of a value is read or added to, not both"},
      {Rule::map_offsets, "map-offsets", "constant offsets in map values"},
      {Rule::atomics, "atomics", "atomic operations"},
      {Rule::multiplications, "multiplications", "multiplications of 32-bit numbers"},
      {Rule::divisions, "divisions", "divisions by constants"},
      {Rule::shifts, "shifts", "shifts within the register"},
      {Rule::pointers, "pointers", "pointers that the card knows"},
      {Rule::stack_offsets, "stack-offsets", "constant offsets on the stack"},
      {Rule::stack_size, "stack-size", "size of the stack"},
      {Rule::key_arguments, "key-arguments", "keys on the stack, aligned to 4 bytes"},
      {Rule::event_arguments, "event-arguments", "arguments of perf_event_output"},
      {Rule::context_fields, "context-fields", "fields of the context"},
      {Rule::packet_split, "packet-split", "packet bytes that the card has at hand"},
      {Rule::length, "length", "length of the program"},
  };
  return rules;
}

const RuleInfo& info_of(Rule rule) {
  return *std::find_if(all_rules().begin(), all_rules().end(), [rule](const RuleInfo& i) { return i.rule == rule; });
}

}  // namespace nicsentry::lint
