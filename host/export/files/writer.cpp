// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/writer.h"

#include <array>
#include <string>

#include "host/base/error.h"
#include "host/export/files/seed_writer.h"
#include "host/export/files/tidy_writer.h"

namespace nicsentry {
namespace {

constexpr std::array formats{Format::seed_json, Format::seed_csv, Format::csv,         Format::jsonl,
                             Format::hosts,     Format::ports,    Format::hosts_jsonl, Format::ports_jsonl};

}  // namespace

const char* format_name(Format format) {
  switch (format) {
    case Format::seed_json:
      return "seed-json";
    case Format::seed_csv:
      return "seed-csv";
    case Format::csv:
      return "csv";
    case Format::jsonl:
      return "jsonl";
    case Format::hosts:
      return "hosts";
    case Format::ports:
      return "ports";
    case Format::hosts_jsonl:
      return "hosts-jsonl";
    case Format::ports_jsonl:
      return "ports-jsonl";
  }
  return "unnamed-format";
}

Format parse_format(std::string_view name) {
  std::string allowed;
  for (const Format format : formats) {
    if (name == format_name(format)) return format;
    if (!allowed.empty()) allowed += ", ";
    allowed += format_name(format);
  }
  throw Error("unknown format '" + std::string(name) + "': allowed are " + allowed);
}

std::unique_ptr<WindowWriter> make_writer(Format format, Profile profile, const OutputPlace& place) {
  switch (format) {
    case Format::seed_json:
      return make_seed_json_writer(profile, place);
    case Format::seed_csv:
      return make_seed_csv_writer(profile, place);
    case Format::csv:
      return make_tidy_writer(TidyFormat::csv, profile, place);
    case Format::jsonl:
      return make_tidy_writer(TidyFormat::jsonl, profile, place);
    case Format::hosts:
      return make_hosts_writer(TidyFormat::csv, profile, place);
    case Format::ports:
      return make_ports_writer(TidyFormat::csv, profile, place);
    case Format::hosts_jsonl:
      return make_hosts_writer(TidyFormat::jsonl, profile, place);
    case Format::ports_jsonl:
      return make_ports_writer(TidyFormat::jsonl, profile, place);
  }
  throw Error("unknown format");
}

}  // namespace nicsentry
