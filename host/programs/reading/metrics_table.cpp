// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/metrics_table.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "host/base/text_table.h"
#include "host/programs/values/value_json.h"

namespace nicsentry::programs {
namespace {

constexpr std::size_t kColumnsMost = 64;  // a structure with more members is one column, as JSON

struct ValueColumn {
  std::string title;
  std::uint32_t offset = 0;
  const Layout* layout = nullptr;
};

void add_columns(std::vector<ValueColumn>& columns, const std::string& title, std::uint32_t offset,
                 const Layout& layout) {
  if (layout.kind != Layout::Kind::record || layout.form != Layout::Form::none ||
      columns.size() + layout.members.size() > kColumnsMost) {
    columns.push_back({title, offset, &layout});
    return;
  }
  for (const LayoutMember& member : layout.members) {
    add_columns(columns, title + "." + member.name, offset + member.offset, member.layout);
  }
}

bool is_number(const Layout& layout) {
  return layout.form == Layout::Form::none &&
         (layout.kind == Layout::Kind::integer || layout.kind == Layout::Kind::real);
}

class MetricRows {
 public:
  MetricRows(const MetricReading& reading, bool raw, bool add_processors) : reading_(reading) {
    style_ = {raw, reading.monotonic_offset_ns};
    apart_ = is_per_cpu_map(reading.map.type) && !add_processors;
    if (reading.content->key_bytes != 0) {
      add_columns(keys_, "key", 0, reading.layout.key);
    }
    add_columns(values_, "value", 0, reading.layout.value);
  }

  std::string text() const {
    TextTable table(titles());
    for (std::size_t entry = 0; entry < reading_.content->entries; ++entry) {
      const ValueView all{reading_.content->value(entry), reading_.content->stride, reading_.content->processors};
      for (std::uint32_t processor = 0; processor < (apart_ ? all.count : 1); ++processor) {
        std::vector<std::string> cells;
        for (const ValueColumn& column : keys_) {
          cells.push_back(
              plain_text(*column.layout, {reading_.content->key(entry).data() + column.offset, 0, 1}, style_));
        }
        ValueView view = all;
        if (apart_) {
          cells.push_back(std::to_string(processor));
          view = {all.first + std::size_t{processor} * all.stride, 0, 1};
        }
        for (const ValueColumn& column : values_) {
          cells.push_back(plain_text(*column.layout, view.at(column.offset), style_));
        }
        table.add(std::move(cells));
      }
    }
    return table.text();
  }

 private:
  std::vector<TextTable::Column> titles() const {
    std::vector<TextTable::Column> titles;
    const auto add = [&titles](const std::vector<ValueColumn>& columns) {
      for (const ValueColumn& column : columns) {
        titles.push_back({column.title, is_number(*column.layout)});
      }
    };
    add(keys_);
    if (apart_) {
      titles.push_back({"cpu", true});
    }
    add(values_);
    return titles;
  }

  const MetricReading& reading_;
  ValueStyle style_;
  bool apart_ = false;
  std::vector<ValueColumn> keys_;
  std::vector<ValueColumn> values_;
};

std::string metric_text(const MetricReading& reading, const JsonStyle& style) {
  return std::string(reading.egress ? "egress " : "ingress ") + reading.metric.name + ": map " + reading.map.name +
         ", " + reading.map.kind + ", " + std::to_string(reading.content->entries) + " of " +
         std::to_string(reading.map.max_entries) + " entries" +
         (reading.content->complete ? "" : ", incomplete: it changed faster than it could be read") + "\n" +
         MetricRows(reading, style.raw, style.add_processors).text();
}

}  // namespace

std::string metrics_text(const std::vector<MetricReading>& readings, const JsonStyle& style) {
  std::string text;
  for (const MetricReading& reading : readings) {
    text += text.empty() ? "" : "\n";
    text += metric_text(reading, style);
  }
  return text;
}

}  // namespace nicsentry::programs
