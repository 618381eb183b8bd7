// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/metrics_json.h"

#include "host/programs/values/value_json.h"

namespace nicsentry::programs {
namespace {

// Writes the entries of one reading.
class EntryWriter {
 public:
  EntryWriter(const MetricReading& reading, const JsonStyle& style)
      : reading_(reading), content_(*reading.content), style_(style) {
    value_style_ = {style.raw, reading.monotonic_offset_ns};
    keyed_ = content_.key_bytes != 0 && (!is_array_map(reading.map.type) || is_per_cpu_map(reading.map.type));
  }

  void append(std::string& out, std::size_t entry) const {
    if (keyed_) {
      out += R"({"key":)";
      append_json(out, reading_.layout.key, {content_.key(entry).data(), 0, 1}, value_style_);
      out += R"(,"value":)";
    }
    append_value(out, entry);
    if (keyed_) {
      out += '}';
    }
  }

 private:
  void append_value(std::string& out, std::size_t entry) const {
    const ValueView all{content_.value(entry), content_.stride, content_.processors};
    if (!is_per_cpu_map(reading_.map.type) || style_.add_processors) {
      append_json(out, reading_.layout.value, all, value_style_);
      return;
    }
    for (std::uint32_t processor = 0; processor < content_.processors; ++processor) {
      out += processor == 0 ? '[' : ',';
      append_json(out, reading_.layout.value, {all.first + std::size_t{processor} * all.stride, 0, 1}, value_style_);
    }
    out += ']';
  }

  const MetricReading& reading_;
  const MapContent& content_;
  const JsonStyle& style_;
  ValueStyle value_style_;
  bool keyed_ = false;
};

void append_values(std::string& out, const MetricReading& reading, const JsonStyle& style) {
  const EntryWriter writer(reading, style);
  out += '[';
  for (std::size_t i = 0; i < reading.content->entries; ++i) {
    if (i != 0) {
      out += ',';
    }
    writer.append(out, i);
  }
  out += ']';
}

void append_metrics(std::string& out, const std::vector<MetricReading>& readings, bool egress, const JsonStyle& style) {
  char before = '[';
  for (const MetricReading& reading : readings) {
    if (reading.egress != egress) {
      continue;
    }
    out += before;
    before = ',';
    out += R"({"name":)";
    append_json_text(out, reading.metric.name);
    out += R"(,"timestamp":)" + std::to_string(reading.timestamp_ns / 1000);
    out += R"(,"map":)";
    append_json_text(out, reading.map.name);
    out += R"(,"kind":)";
    append_json_text(out, reading.map.kind);
    out += R"(,"entries":)" + std::to_string(reading.content->entries);
    out += R"(,"max_entries":)" + std::to_string(reading.map.max_entries);
    out += std::string(R"(,"complete":)") + (reading.content->complete ? "true" : "false");
    out += R"(,"value":)";
    append_values(out, reading, style);
    out += '}';
  }
  out += before == '[' ? "[]" : "]";
}

}  // namespace

std::string metric_value_json(const MetricReading& reading, const JsonStyle& style) {
  std::string out;
  append_values(out, reading, style);
  return out;
}

std::string metrics_json(const std::vector<MetricReading>& readings, const JsonStyle& style) {
  std::string out = R"({"ingress-metrics":)";
  append_metrics(out, readings, false, style);
  out += R"(,"egress-metrics":)";
  append_metrics(out, readings, true, style);
  out += '}';
  return out;
}

}  // namespace nicsentry::programs
