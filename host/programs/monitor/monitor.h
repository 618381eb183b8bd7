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

struct OpenMetricsMetadata {
  enum class Type { counter, gauge, histogram, summary, untyped };

  std::string help;
  Type type = Type::untyped;
  std::vector<Label> labels;
};

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
