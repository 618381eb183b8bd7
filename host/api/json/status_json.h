// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/api/json/enforced_json.h"
#include "host/api/json/fields.h"
#include "host/api/json/rules_json.h"
#include "host/config/configuration.h"
#include "host/report/window_report.h"

namespace nicsentry {

// A program of a run, or one of a user's own beside it, that is not on its hook any more.
struct ListedOutage {
  std::string interface;
  std::string hook;
  std::string mode;
  std::string reason;
  std::uint64_t since_ns = 0;
  std::optional<std::string> name{};  // of a user's own: that of the load
};

// The firewall of a run, in short.
struct FirewallSummary {
  struct OfChain {
    std::size_t rules = 0;
    RuleAction default_action = RuleAction::accept;
  };
  OfChain ingress;
  OfChain egress;
  std::size_t blocked = 0;  // entries of that set
  struct OfLimit {
    Chain chain = Chain::ingress;
    std::size_t id = 0;
    std::string rate;  // "100/s per source"
    std::uint64_t packets_dropped = 0;
  };
  std::vector<OfLimit> limits;
  std::optional<Unconfirmed> unconfirmed;
};

// The state of a run beyond what the kernel reports of its programs.
struct RunStatus {
  bool firewall = false;
  Enforced enforced;
  std::vector<ListedOutage> outages;
  std::vector<std::string> ended_outputs;      // that nobody reads any more
  std::uint64_t windows_lost = 0;              // whose files were not written
  std::vector<UserProgram> user_programs;      // that are on hooks of its ports
  std::optional<FirewallSummary> summary;      // none: the run has no firewall
  std::vector<config::Setting> configuration;  // each option and where it comes from
};
nlohmann::ordered_json encode(const RunStatus& status);
template <>
RunStatus decode(const nlohmann::json& answer);

}  // namespace nicsentry
