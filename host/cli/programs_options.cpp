// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/programs_options.h"

#include <algorithm>
#include <cstdio>

#include "host/api/json/program_query.h"

#include "host/cli/option_checks.h"

namespace nicsentry {
namespace {

const std::vector<std::string>& log_levels() {
  static const std::vector<std::string> levels = {"trace", "debug", "info", "warn", "err", "critical", "off"};
  return levels;
}

}  // namespace

void add_programs_options(CLI::App& part, ProgramsOptions& options, bool with_card) {
  part.add_option("FILE", options.file, "MONITOR.json, PROGRAM.c or PROGRAM.o")->required();
  part.add_option("--mode", options.mode,
                  with_card ? "auto, hw, drv, skb or tc, for the ingress path; auto never takes hw"
                            : "auto, drv, skb or tc, for the ingress path")
      ->check(with_card ? one_of({"auto", "hw", "drv", "skb", "tc"}) : one_of({"auto", "drv", "skb", "tc"}))
      ->capture_default_str();
  part.add_option("--direction", options.direction, "ingress, egress or both")
      ->check(one_of({"ingress", "egress", "both"}))
      ->capture_default_str();
  part.add_option("--log", options.log, "keep pcn_log from this level on")
      ->check(one_of(log_levels()))
      ->capture_default_str();
  part.add_flag("--json", options.json, "print JSON");
}

programs::Direction program_direction(const ProgramsOptions& options) {
  return parse_program_direction(options.direction);
}

int program_log_level(const ProgramsOptions& options) {
  return static_cast<int>(std::find(log_levels().begin(), log_levels().end(), options.log) - log_levels().begin());
}

std::string program_maps_text(const std::vector<UserMap>& maps) {
  std::string text;
  for (const UserMap& map : maps) {
    text += "  map " + map.name + ": " + map.kind + ", " + std::to_string(map.max_entries) + " of " +
            (map.key_bytes != 0 ? std::to_string(map.key_bytes) + " + " : "") + std::to_string(map.value_bytes) +
            " bytes" + (map.is_extern ? ", the ingress path's" : "") + "\n";
  }
  return text;
}

void print_json(const nlohmann::ordered_json& json) {
  std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

}  // namespace nicsentry
