// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/datapath/user_object.h"
#include "host/programs/verify/verify.h"

namespace nicsentry {

// Options that `programs check` and `programs load` share.
struct ProgramsOptions {
  std::string file;
  std::string mode = "auto";
  std::string direction = "both";
  std::string log = "off";
  bool json = false;
};

// `with_card`: also the mode hw.
void add_programs_options(CLI::App& part, ProgramsOptions& options, bool with_card = false);
programs::Direction program_direction(const ProgramsOptions& options);
int program_log_level(const ProgramsOptions& options);

std::string program_maps_text(const std::vector<UserMap>& maps);  // a line each
void print_json(const nlohmann::ordered_json& json);

}  // namespace nicsentry
