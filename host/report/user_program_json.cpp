// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/report/user_program_json.h"

namespace nicsentry {

nlohmann::ordered_json user_program_json(const UserProgram& program) {
  nlohmann::ordered_json object{{"name", program.name},       {"interface", program.interface},
                                {"hook", program.hook},       {"mode", program.mode},
                                {"program", program.program}, {"program_id", program.program_id}};
  if (program.priority != 0) {
    object["priority"] = program.priority;
  }
  return object;
}

}  // namespace nicsentry
