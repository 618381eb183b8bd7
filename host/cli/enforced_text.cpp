// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/enforced_text.h"

#include <algorithm>
#include <cstdio>

#include "host/cli/exit_status.h"
#include "host/cli/log.h"

namespace nicsentry {

std::string enforced_text(const Enforced& enforced, const std::vector<Chain>& chains) {
  std::string text;
  for (const Chain chain : chains) {
    std::string where;
    for (const EnforcedPlace& place : enforced.of(chain)) {
      where += (where.empty() ? " on " : ", ") + place.attachment + (place.failing ? " (NOT its last changes)" : "");
    }
    text +=
        (text.empty() ? "enforced: " : "; ") + std::string(chain_name(chain)) + (where.empty() ? " nowhere" : where);
  }
  if (enforced.unsaved) {
    text += "; NOT SAVED, a later run does not have it: " + *enforced.unsaved;
  }
  return text;
}

int report_enforced(const Enforced& enforced, const std::vector<Chain>& chains) {
  std::printf("%s\n", enforced_text(enforced, chains).c_str());
  std::fflush(stdout);
  return enforcement_status(enforced, chains);
}

int enforcement_status(const Enforced& enforced, const std::vector<Chain>& chains) {
  int status = kExitSuccess;
  if (enforced.ingress.empty() && !enforced.egress.empty() &&
      std::find(chains.begin(), chains.end(), Chain::ingress) != chains.end()) {
    status = kExitNotEnforced;  // each run begins with it
    log_error("nothing is enforced of what comes in: the run has lost its program there; start it again");
  }
  for (const Chain chain : chains) {
    for (const EnforcedPlace& place : enforced.of(chain)) {
      if (place.failing) {
        status = kExitNotEnforced;
        log_error(place.attachment + ": not in force there, and tried again: " + *place.failing);
      }
    }
  }
  return status;
}

}  // namespace nicsentry
