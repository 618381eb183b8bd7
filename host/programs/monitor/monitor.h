// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace nicsentry::programs {

struct Label {
  std::string name;
  std::string value;
};

// The upper bounds of a histogram's slots. What is above the last bound is in the slot behind it.
struct Buckets {
  enum class Scale { exp2, linear, fixed };

  Scale scale = Scale::exp2;  // slot i is up to 2^i
  double start = 0;           // linear: slot i is up to start + i * width
  double width = 1;
  std::vector<double> bounds;  // fixed: ascending
};

struct OpenMetricsMetadata {
  enum class Type { counter, gauge, histogram, summary, untyped };

  std::string help;
  Type type = Type::untyped;
  std::vector<Label> labels;
  Buckets buckets;  // of a histogram
};

// Whether values of the type only grow: what reads took out of a map counts on.
inline bool only_grows(OpenMetricsMetadata::Type type) {
  return type == OpenMetricsMetadata::Type::counter || type == OpenMetricsMetadata::Type::histogram ||
         type == OpenMetricsMetadata::Type::summary;
}

// A map of the program that is exported under a name.
struct MetricConfig {
  std::string name;
  std::string map;
  bool swap_on_read = false;
  bool empty_on_read = false;
  std::optional<OpenMetricsMetadata> open_metrics;
};

// The program of one direction.
struct PathConfig {
  enum class Form { code, source, object };

  std::string name;  // for people
  Form form = Form::code;
  std::string code;            // Form::code: C text
  std::filesystem::path file;  // the other forms
  std::vector<MetricConfig> metrics;
};

struct Monitor {
  std::optional<PathConfig> ingress;
  std::optional<PathConfig> egress;
};

}  // namespace nicsentry::programs
