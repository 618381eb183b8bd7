// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

#include "host/metrics/run_figures.h"

namespace nicsentry {

// Writes the samples of one family. Names are those of OpenMetrics, without the ending `_total` of counters.
class FamilyWriter {
 public:
  FamilyWriter(Exposition& exposition, const std::string& name, Exposition::Type type, const std::string& help);

  void add(const SampleLabels& labels, std::uint64_t value);
  void add(const SampleLabels& labels, double value);
  void add(const SampleLabels& labels, bool value);
  void add(const SampleLabels& labels, const DurationHistogram& durations);

 private:
  void add_text(const SampleLabels& labels, const std::string& value);

  Exposition& exposition_;
  Exposition::Type type_;
  int family_;
};

// The parts of metrics_text().
void write_traffic(Exposition& exposition, const WindowFigures& figures);
void write_live(Exposition& exposition, const LiveFigures& figures);
void write_firewall(Exposition& exposition, const FirewallFigures& figures, const MetricsSelection& selection);
void write_process(Exposition& exposition);

}  // namespace nicsentry
