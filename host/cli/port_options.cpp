// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/port_options.h"

#include "host/cli/option_checks.h"

namespace nicsentry {

void add_mode_option(CLI::App& command, std::string& mode) {
  command.add_option("--mode", mode, "auto: hw, else drv, else skb")
      ->check(understood_by(chosen_mode), listed_values({"auto", "hw", "drv", "skb", "tc"}))
      ->capture_default_str();
}

void add_direction_option(CLI::App& command, std::string& direction) {
  command.add_option("--direction", direction, "ingress, or both (egress on TC)")
      ->check(one_of({"ingress", "both"}))
      ->capture_default_str();
}

void add_dispatcher_option(CLI::App& command, bool& dispatcher) {
  command.add_flag("--dispatcher", dispatcher,
                   "in drv and skb: behind libxdp's dispatcher, so that other XDP programs can join (default: only "
                   "where one is there already)");
}

std::optional<Mode> chosen_mode(const std::string& mode) {
  return mode == "auto" ? std::nullopt : std::optional(parse_mode(mode));
}

}  // namespace nicsentry
