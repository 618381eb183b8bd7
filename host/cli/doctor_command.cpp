// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/app/diagnosis.h"
#include "host/cli/commands.h"
#include "host/cli/log.h"

namespace nicsentry {
namespace {

int doctor(const std::vector<std::string>& interfaces, bool as_json) {
  set_up_log(false);
  const Diagnosis diagnosis = diagnose(interfaces);
  if (as_json) {
    nlohmann::ordered_json checks = nlohmann::ordered_json::array();
    for (const Check& check : diagnosis.checks) {
      checks.push_back({{"subject", check.subject}, {"ok", check.ok}, {"finding", check.finding}});
    }
    std::printf("%s\n", checks.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  } else {
    for (const Check& check : diagnosis.checks) {
      std::printf("%-4s %-22s %s\n", check.ok ? "ok" : "--", check.subject.c_str(), check.finding.c_str());
    }
  }
  return diagnosis.can_run ? kExitSuccess : kExitFailure;
}

}  // namespace

void add_doctor_command(CLI::App& app, Action& chosen) {
  auto interfaces = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("doctor", "what this machine and its ports can do, and what is missing");
  command->add_option("-i,--interface", *interfaces, "only this interface (repeatable; default: all)")
      ->allow_extra_args(false)
      ->type_name("IF")
      ->allow_extra_args(false);
  command->add_flag("--json", *json, "print JSON");
  command->footer("Examples:\n  nicsentry doctor\n  nicsentry doctor -i eth0");
  command->callback([=, &chosen] { chosen = [=] { return doctor(*interfaces, *json); }; });
}

}  // namespace nicsentry
