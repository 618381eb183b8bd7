// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/metrics/metrics_text.h"

#include <cmath>

#include "host/metrics/samples.h"

namespace nicsentry {
namespace {

using Type = Exposition::Type;

double seconds_of(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

// "0.5", "1048576", "1e-05".
std::string sample_number(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: integers up to here have no point
  if (std::trunc(value) == value && std::abs(value) <= kExact) {
    return std::to_string(static_cast<std::int64_t>(value));
  }
  return canonical_number(value);
}

}  // namespace

FamilyWriter::FamilyWriter(Exposition& exposition, const std::string& name, Type type, const std::string& help)
    : exposition_(exposition), type_(type), family_(exposition.family(name, type, help)) {}

void FamilyWriter::add_text(const SampleLabels& labels, const std::string& value) {
  if (family_ >= 0) {
    const char* suffix = type_ == Type::counter ? "_total" : type_ == Type::info ? "_info" : "";
    exposition_.add(family_, suffix, labels, value);
  }
}

void FamilyWriter::add(const SampleLabels& labels, std::uint64_t value) { add_text(labels, std::to_string(value)); }
void FamilyWriter::add(const SampleLabels& labels, double value) { add_text(labels, sample_number(value)); }
void FamilyWriter::add(const SampleLabels& labels, bool value) { add_text(labels, value ? "1" : "0"); }

void FamilyWriter::add(const SampleLabels& labels, const DurationHistogram& durations) {
  if (family_ < 0) {
    return;
  }
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < durations.counts().size(); ++i) {
    count += durations.counts().at(i);
    SampleLabels all = labels;
    const bool last = i == DurationHistogram::kBounds.size();
    all.emplace_back("le", last ? "+Inf" : canonical_number(seconds_of(DurationHistogram::kBounds.at(i))));
    exposition_.add(family_, "_bucket", all, std::to_string(count));
  }
  exposition_.add(family_, "_count", labels, std::to_string(count));
  exposition_.add(family_, "_sum", labels, sample_number(seconds_of(durations.sum())));
}

std::string metrics_text(const RunFigures& figures, TextFormat format) {
  Exposition exposition;
  FamilyWriter(exposition, "nicsentry_build", Type::info, "The version that runs.")
      .add({{"version", figures.build.version},
            {"commit", figures.build.commit},
            {"program_abi", figures.build.program_abi},
            {"state_format", figures.build.state_format}},
           true);
  FamilyWriter ports(exposition, "nicsentry_port_up", Type::gauge, "1 if the port is up and has a carrier.");
  for (const PortFigures& port : figures.ports) {
    ports.add({{"interface", port.interface}}, port.up);
  }
  write_traffic(exposition, figures.windows);
  if (figures.live) {
    write_live(exposition, *figures.live);
  }
  if (figures.firewall) {
    write_firewall(exposition, *figures.firewall, figures.selection);
  }
  write_process(exposition);
  if (figures.programs) {
    figures.programs(exposition);
  }
  FamilyWriter failed(exposition, "nicsentry_scrape_part_failed", Type::gauge,
                      "1 if this scrape could not read the part: its series are missing.");
  for (const auto& [part, read] : figures.parts) {
    failed.add({{"part", part}}, !read);
  }
  FamilyWriter(exposition, "nicsentry_scrape_duration_seconds", Type::gauge, "Time that this scrape took.")
      .add({}, seconds_of(std::chrono::steady_clock::now() - figures.began));
  return exposition.text(format);
}

}  // namespace nicsentry
