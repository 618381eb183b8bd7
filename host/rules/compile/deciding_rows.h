// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "host/rules/compile/match_row.h"

namespace nicsentry {

constexpr std::uint32_t kDefaultAction = ~std::uint32_t{0};
constexpr std::uint32_t kEstablishedAction = kDefaultAction - 1;

// A match row that decides, and the counting rules that also count its packets.
struct DecidingRow {
  MatchRow match;  // rule: kDefaultAction if only counting rules match; kEstablishedAction: see below
  std::vector<std::uint32_t> counting;
};

// Turns a chain into match rows, of which the first that matches decides. A counting rule decides nothing: its
// intersection with each later row becomes a row before that row. Later fragments cannot be assigned to a session. So
// the last row accepts them if the default is drop and established sessions are accepted. A rule that limits has rows
// as one that decides, side by side; the search goes on behind them, to a last row that matches every packet. Throws
// Error if a packet can match more counting rules than `counting_most`, or if there are more than `rows_most` rows.
// Rules that are not `used` are left out.
std::vector<DecidingRow> deciding_rows(const ChainRules& chain, const std::vector<bool>& used, const SetBit& set_bit,
                                       std::size_t counting_most, std::size_t rows_most);

}  // namespace nicsentry
