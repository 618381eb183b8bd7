// SPDX-License-Identifier: GPL-2.0-only
#include "host/cli/set_call.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "host/cli/controller_call.h"
#include "host/cli/lifetime_option.h"

namespace nicsentry {
namespace {

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

void take_from_set(const std::string& interface, const std::string& name, const std::vector<std::string>& entries) {
  const nlohmann::json answer =
      call_controller(interface, "/firewall/set-take", {{"name", name}, {"entries", entries}});
  std::printf("%s: %llu of %zu removed\n", name.c_str(), changed_of(answer), entries.size());
  if (changed_of(answer) < entries.size()) {
    std::printf("an entry goes only as it was added: an address out of a prefix in the set stays in it\n");
  }
}

}  // namespace nicsentry
