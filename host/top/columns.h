// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "host/top/snapshot.h"

namespace nicsentry::top {

// The titles and the rows of a table, each exactly as wide as the screen. Names are cut in their middle where they have
// no room; columns that have none are left out, the least important first.
struct TableText {
  std::string titles;
  std::vector<std::string> rows;
};
TableText table_text(std::span<const Row> rows, const std::string& by, std::size_t width);

// "192.0.2.1:40000 > 198.51.100.1:443 TCP (https), on eth0": all of a row that may be cut in the table.
std::string whole_text(const Row& row);

}  // namespace nicsentry::top
