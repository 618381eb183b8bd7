// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace nicsentry {

// Rows of text under titles, each column as wide as it takes, two blanks between columns.
class TextTable {
 public:
  struct Column {
    std::string title;
    bool right_aligned = false;
  };
  explicit TextTable(std::vector<Column> columns);

  void add(std::vector<std::string> cells);  // one a column
  std::string text() const;                  // each line ends with a line end

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // the titles first
};

}  // namespace nicsentry
