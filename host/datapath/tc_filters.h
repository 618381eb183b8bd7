// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/datapath/mode.h"

namespace nicsentry {

// A filter on a hook of the clsact qdisc.
struct TcFilter {
  std::uint32_t priority = 0;
  std::uint32_t handle = 0;
  std::string kind;              // "bpf", "flower", ...
  std::string name;              // of a bpf filter
  std::uint32_t program_id = 0;  // of a bpf filter
};

// The filters of anybody on a TC hook, in the order in which packets meet them (RTM_GETTFILTER). Only chain 0, where
// packets begin. Empty where there is no clsact qdisc. Throws SystemError.
std::vector<TcFilter> list_tc_filters(int interface_index, Hook hook);

// The programs on a tcx hook, which packets meet before any filter, in their order. Empty where the kernel has none
// (before 6.6).
std::vector<std::uint32_t> query_tcx(int interface_index, Hook hook);

// Whether any filter, of anybody, is on the clsact qdisc of an interface. Throws SystemError.
bool has_tc_filters(int interface_index);

// Removes the clsact qdisc of an interface with all its filters. Quiet when there is none.
void remove_clsact(int interface_index);

}  // namespace nicsentry
