// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/port_options.h"

#include "host/cli/option_checks.h"
#include "host/report/profile.h"

namespace nicsentry {
namespace {

CLI::Option* add_mode(CLI::App& command, std::string& mode, const char* what) {
  return command.add_option("--mode", mode, what)
      ->check(words_understood_by(chosen_mode, {"auto", "hw", "drv", "skb", "tc"}));
}

}  // namespace

void add_mode_option(CLI::App& command, std::string& mode) {
  add_mode(command, mode, "auto: hw, else drv, else skb")->capture_default_str();
}

void add_only_mode_option(CLI::App& command, std::string& mode) {
  add_mode(command, mode, "only the program of this mode (default: all)");
}

void add_profile_option(CLI::App& command, std::string& profile) {
  command.add_option("--profile", profile, "the analyses; all is the default")
      ->check(words_understood_by(parse_profile, {"ddos", "crypto", "all"}));
}

void add_direction_option(CLI::App& command, std::string& direction) {
  command.add_option("--direction", direction, "ingress, or both (egress on TC)")
      ->check(one_of({"ingress", "both"}))
      ->capture_default_str();
}

void add_log_format_option(CLI::App& command, std::string& format) {
  command
      .add_option("--log-format", format,
                  "form of messages; auto: with fields to journald where standard error is its, else plain")
      ->check(one_of({"auto", "plain", "json", "journal"}))
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
