// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/set_call.h"

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "host/api/client/controller_call.h"
#include "host/cli/commands.h"
#include "host/cli/json_text.h"
#include "host/cli/lifetime_option.h"
#include "host/cli/log.h"

namespace nicsentry {
namespace {

constexpr std::size_t kMissingTold = 20;

unsigned long long changed_of(const nlohmann::json& answer) { return answer.value("changed", 0ULL); }

}  // namespace

void add_to_set(const std::string& interface, const std::string& name, const std::vector<std::string>& entries,
                const std::string& lifetime) {
  nlohmann::json request{{"name", name}, {"entries", entries}};
  request_lifetime(request, lifetime);
  const nlohmann::json answer = call_controller(interface, "/firewall/set-add", request);
  std::printf("%s: %llu of %zu added (in force after %.3f ms)\n", name.c_str(), changed_of(answer), entries.size(),
              answer.value("took_ms", 0.0));
}

int take_from_set(const std::string& interface, const std::string& name, const std::vector<std::string>& entries) {
  const nlohmann::json answer =
      call_controller(interface, "/firewall/set-take", {{"name", name}, {"entries", entries}});
  std::printf("%s: %llu of %zu removed\n", name.c_str(), changed_of(answer), entries.size());
  std::fflush(stdout);
  const bool done = changed_of(answer) != 0;
  const auto tell = [done](const std::string& text) { done ? log_warning(text) : log_error(text); };
  std::map<std::string, std::string> staying;
  for (const nlohmann::json& one : answer.value("staying", nlohmann::json::array())) {
    staying[member_text(one, "range")] = member_text(one, "by");
  }
  std::size_t missing = 0;
  for (const nlohmann::json& one : answer.value("missing", nlohmann::json::array())) {
    const auto range = one.get<std::string>();
    if (const auto stays = staying.extract(range)) {
      tell(range + " is no entry of the set; it stays in the set by " + stays.mapped());
    } else if (missing++ < kMissingTold) {
      tell(range + " is not in the set");
    }
  }
  if (missing > kMissingTold) {
    tell("and " + std::to_string(missing - kMissingTold) + " more are not in the set");
  }
  for (const auto& [range, by] : staying) {
    tell(std::string(range).append(" was removed, but stays in the set by ").append(by));
  }
  return done ? kExitSuccess : kExitFailure;
}

}  // namespace nicsentry
