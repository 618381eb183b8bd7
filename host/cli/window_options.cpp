// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/window_options.h"

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "host/base/error.h"
#include "host/cli/duration.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/cli/port_options.h"
#include "host/cli/time_zone.h"
#include "host/filter/session_filter.h"
#include "host/report/profile.h"
#include "host/report/session_groups.h"

namespace nicsentry {

void add_window_options(CLI::App& command, WindowOptions& options, std::chrono::nanoseconds least,
                        WindowLengths lengths) {
  const bool all = lengths == WindowLengths::durations_or_all;
  add_profile_option(command, options.profile);
  command
      .add_option(
          "--window", options.window,
          all ? "length of a window: 10s, 50ms, 0.01, 1d; all: one window" : "length of a window: 10s, 50ms, 0.01, 1d")
      ->check(understood_by([least, all](const std::string& text) {
        if (!all || text != kAllInOneWindow) parse_duration(text, least);
      }))
      ->capture_default_str();
  command.add_option("--cap", options.cap, "packets of a session that a window captures; 0: all")
      ->check(whole_number(0))
      ->capture_default_str();
  command.add_option("--format", options.formats, "files to write (several: a,b); none by default")
      ->delimiter(',')
      ->check(words_understood_by(
          parse_format, {"csv", "jsonl", "hosts", "ports", "hosts-jsonl", "ports-jsonl", "seed-json", "seed-csv"}));
  options.file_options.push_back(
      command.add_option("-o,--output", options.directory, "directory of the files")
          ->check(understood_by([](const std::string& text) {
            if (text == "-") {
              throw Error(
                  "'-' is no directory; for rows on standard output: --stream sessions, packets, windows, hosts or "
                  "ports");
            }
          }))
          ->capture_default_str());
  command.add_flag("--overwrite", options.overwrite,
                   "begin the files anew, in place of continuing those of an earlier run");
  command
      .add_option("--seed-csv-files", options.seed_csv_files, "files of seed-csv in dump_ddos/ at most; 0: no limit")
      ->check(whole_number(0))
      ->capture_default_str();
  command
      .add_option("--rows", options.rows, "rows of a window in hosts and ports, beside one for the rest; 0: no limit")
      ->check(whole_number(0))
      ->capture_default_str();
  command.add_option("--top", options.top, "rows in the table of a window")
      ->check(whole_number(0, UINT_MAX))
      ->capture_default_str();
  auto* by =
      command
          .add_option("--by", options.by,
                      "sum the table up by what sessions have in common (src: the client, dst: the server); src/24 or "
                      "dst/24/64: by prefixes")
          ->check(words_understood_by(parse_grouping, {"src", "dst", "dport", "proto"}));
  command.add_option("--sort", options.sort,
                     "order of the table: packets (rate), bytes (bits), to-server, to-client, bytes-to-server, "
                     "bytes-to-client, in, out, dropped; of sessions duration, client, server, proto; with --by "
                     "sessions, name");
  command.add_flag("--local-time", options.local_time, "times of the table in the time zone of this machine (TZ)");
  command.add_flag("--wide", options.wide, "all columns of the table, however narrow the terminal is");
  command.add_flag("--service-names", options.service_names,
                   "names of servers' ports in the table, as in /etc/services");
  command
      .add_option("--filter", options.filter,
                  "show and write only sessions that match, as in pcap-filter(7); src is the client, dst the server")
      ->check(understood_by([](const std::string& text) { SessionFilter filter(text); }));
  auto* json =
      command.add_flag("--json", options.json, "print each window's accounting as one line of JSON")->excludes(by);
  command.add_option("--stream", options.stream, "print the rows of one table as lines of JSON")
      ->check(words_understood_by(parse_table_name, {"sessions", "packets", "windows", "hosts", "ports"}))
      ->excludes(json)
      ->excludes(by);
  command.add_flag("-q,--quiet", options.quiet, "print no table, log only warnings");
}

void check_window_options(const WindowOptions& options) {
  if (options.sort.empty()) return;
  const auto in_table = [&options](const std::string& word) { parse_table_order(word, !options.by.empty()); };
  if (const std::string wrong = understood_by(in_table)(options.sort); !wrong.empty()) {
    throw CLI::ValidationError("--sort", wrong);
  }
}

void warn_of_vain_options(const WindowOptions& options) {
  const char* tz = std::getenv("TZ");
  if (options.local_time && tz != nullptr && !is_time_zone(tz, time_zones())) {
    log_warning("--local-time: TZ is '" + std::string(tz) + "', no time zone of " + time_zones().string() +
                "; times are in UTC");
  }
  for (const CLI::Option* option : options.file_options) {
    if (options.formats.empty() && option->count() != 0) {
      log_warning(option->get_name() + ": no files are written without --format; 'nicsentry run --help' lists them");
    }
  }
}

ReportOutputOptions output_options(const WindowOptions& options) {
  ReportOutputOptions parsed;
  for (const std::string& name : options.formats) {
    const Format format = parse_format(name);
    // Two writers of one format would write each row twice.
    if (std::find(parsed.formats.begin(), parsed.formats.end(), format) == parsed.formats.end()) {
      parsed.formats.push_back(format);
    }
  }
  parsed.place = {options.directory, options.overwrite ? EarlierFile::replaced : EarlierFile::continued};
  parsed.place.seed_csv_files = options.seed_csv_files;
  parsed.text = options.json ? WindowText::json : options.quiet ? WindowText::none : WindowText::table;
  if (!options.stream.empty()) {
    parsed.text = WindowText::rows;
    parsed.rows = parse_table_name(options.stream);
    if (parsed.rows == TidyTableName::packets && options.profile == profile_name(Profile::crypto)) {
      throw Error("--stream packets: the profile crypto captures no packets; allowed are ddos and all");
    }
  }
  parsed.top = options.top;
  parsed.place.traffic_rows = options.rows;
  if (!options.by.empty()) parsed.by = parse_grouping(options.by);
  if (!options.sort.empty()) parsed.order = parse_table_order(options.sort, parsed.by.has_value());
  parsed.local_time = options.local_time;
  parsed.wide = options.wide;
  parsed.service_names = options.service_names;
  if (!options.filter.empty()) parsed.filter.emplace(options.filter);
  return parsed;
}

}  // namespace nicsentry
