// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/report/columns.h"

namespace nicsentry {

// A row of a table as text, value by value. Ends with a line end.
class RowText {
 public:
  enum class Form : std::uint8_t { csv, json };

  explicit RowText(Form form) : form_(form) {}

  // JSON has a point in time as text, too.
  void add(const std::string& name, const Value& value);
  std::string finish();

 private:
  Form form_;
  std::string line_;
  bool first_ = true;
};

// A field of CSV, quoted if it must be (RFC 4180).
std::string csv_field(const std::string& text);

// The names of a JSON object's fields in their order; empty if the text is no object.
std::vector<std::string> field_names(std::string_view json);

template <typename Row>
std::string csv_header(const Columns<Row>& columns) {
  std::string line;
  for (const auto& column : columns) {
    if (&column != &columns.front()) line += ',';
    line += csv_field(column.name);
  }
  return line + '\n';
}

template <typename Row>
std::string row_text(RowText::Form form, const Columns<Row>& columns, const Row& row) {
  RowText text(form);
  for (const auto& column : columns) text.add(column.name, column.value(row));
  return text.finish();
}

}  // namespace nicsentry
