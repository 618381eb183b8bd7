// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>

#include "host/report/window_report.h"

namespace nicsentry {

// A user's program as the summaries of windows and the status of a run have it.
nlohmann::ordered_json user_program_json(const UserProgram& program);

}  // namespace nicsentry
