// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "host/rules/compile/match_row.h"

namespace nicsentry {

constexpr std::uint32_t kDefaultAction = ~std::uint32_t{0};
constexpr std::uint32_t kEstablishedAction = kDefaultAction - 1;

// A row that decides, and the counting rules that count a packet which it decides on.
struct DecidingRow {
  MatchRow match;  // its rule is kDefaultAction where no rule decides, but some count; kEstablishedAction: see below
  std::vector<std::uint32_t> counting;
};

// A chain as rows of which the first that matches decides. A counting rule decides nothing: what it has in common with
// each row behind it becomes a row of its own before that. Behind all rules, later fragments are accepted where the
// default would drop them and established sessions are accepted: there is no telling whose they are. Throws Error when
// a packet can match more counting rules than `counting_most`, or when there are more than `rows_most` rows.
std::vector<DecidingRow> deciding_rows(const ChainRules& chain, const SetBit& set_bit, std::size_t counting_most,
                                       std::size_t rows_most);

}  // namespace nicsentry
