// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/programs_read.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "host/api/json/program_query.h"
#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/cli/command_parts.h"
#include "host/cli/duration.h"
#include "host/cli/exit_status.h"
#include "host/cli/option_checks.h"
#include "host/cli/programs_run.h"
#include "host/cli/value_types.h"

namespace nicsentry {
namespace {

constexpr std::chrono::milliseconds kEveryLeast{1};

struct ReadCommandOptions {
  std::string name;
  std::string metric;
  std::string direction = "both";
  std::string format = "json";
  std::string processors = "list";
  std::string every;
  std::string output;
  bool raw = false;
  std::size_t series = programs::kSeriesDefault;
};

ProgramQuery query_of(const ReadCommandOptions& options) {
  ProgramQuery query;
  query.request.direction = parse_program_direction(options.direction);
  if (!options.metric.empty()) {
    query.request.metric = options.metric;
  }
  query.format = parse_program_format(options.format);
  query.style = {options.raw, options.processors == "sum"};
  query.series = options.series;
  return query;
}

void put_reading(const std::string& text, const ReadCommandOptions& options, unsigned long number) {
  if (options.output.empty()) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
      throw SystemError(errno, "writing to standard output");
    }
    return;
  }
  const std::string ending = options.format == "json" ? ".json" : ".txt";
  FileBatch files;
  files.create(std::filesystem::path(options.output) / (options.name + "_" + std::to_string(number) + ending))
      .write(text);
  files.publish();
}

// Readings at equal distances, the first at once, until SIGINT or SIGTERM. One that takes longer than the distance
// leaves out those whose time has passed.
class Readings {
 public:
  explicit Readings(std::chrono::nanoseconds every) : every_(every), next_(Clock::now()) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }

  // False when it is to end.
  bool wait_for_next() {
    const Clock::time_point now = Clock::now();
    next_ += every_;
    while (next_ <= now) {
      next_ += every_;
    }
    const std::chrono::nanoseconds left = next_ - now;
    const timespec time{static_cast<time_t>(left.count() / 1'000'000'000), left.count() % 1'000'000'000};
    return sigtimedwait(&signals_, nullptr, &time) < 0;
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::chrono::nanoseconds every_;
  Clock::time_point next_;
  sigset_t signals_{};
};

int read_command(const ReadCommandOptions& options) {
  if (!options.output.empty()) {
    prepare_directory(options.output);
  }
  std::optional<Readings> repeated;
  if (!options.every.empty()) {
    repeated.emplace(parse_duration(options.every, kEveryLeast));
  }
  const ProgramQuery query = query_of(options);
  unsigned long number = 0;
  do {
    put_reading(read_program(options.name, query), options, number++);
  } while (repeated && repeated->wait_for_next());
  return kExitSuccess;
}

}  // namespace

void add_programs_read(CLI::App& programs, Action& chosen) {
  auto options = std::make_shared<ReadCommandOptions>();
  CLI::App* part =
      add_part(programs, "read", "print what the maps of a loaded program hold", options, read_command, chosen);
  part->add_option("NAME", options->name, "of a loaded program")->required()->type_name(kProgramType);
  part->add_option("--metric", options->metric, "only the metric of this name");
  part->add_option("--direction", options->direction, "ingress, egress or both")
      ->check(one_of({"ingress", "egress", "both"}))
      ->capture_default_str();
  part->add_option("--format", options->format, "json, openmetrics or table")
      ->check(one_of({"json", "openmetrics", "table"}))
      ->capture_default_str();
  part->add_option("--cpus", options->processors, "values of per-CPU maps: list, or their sum")
      ->check(one_of({"list", "sum"}))
      ->capture_default_str();
  part->add_flag("--raw", options->raw, "addresses, ports, times and texts as numbers, as dynmon wrote them");
  part->add_option("--series", options->series, "in openmetrics: at most so many series of each metric")
      ->check(whole_number(1, 10'000'000))
      ->capture_default_str();
  part->add_option("--every", options->every, "read again and again, until SIGINT or SIGTERM (10s, 500ms)")
      ->check(understood_by([](const std::string& text) { parse_duration(text, kEveryLeast); }));
  part->add_option("-o,--output", options->output, "write files NAME_0.json, NAME_1.json, ... into this directory");
  part->footer(
      "Examples:\n"
      "  nicsentry programs read monitor --format table\n"
      "  nicsentry programs read monitor --metric SESSIONS --cpus sum\n"
      "  nicsentry programs read monitor --format openmetrics\n"
      "  nicsentry programs read monitor --every 10s -o readings");
}

}  // namespace nicsentry
