// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/api/json/explain_json.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// A program in the kernel that is on no port, with rules and sets of files in force. Throws Error.
class OfflineFirewall {
 public:
  struct Options {
    Chain chain = Chain::ingress;
    nlohmann::json rules;           // a ruleset, or a batch on an empty chain
    std::vector<std::string> sets;  // "NAME=FILE"
    bool default_drop = false;
    std::function<void(const std::string&)> warning;
  };
  explicit OfflineFirewall(const Options& options);
  ~OfflineFirewall();
  OfflineFirewall(const OfflineFirewall&) = delete;
  OfflineFirewall& operator=(const OfflineFirewall&) = delete;

  // As a run answers. Throws Error.
  ExplainAnswer explain(const ExplainRequest& request) const;

 private:
  struct Loaded;
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace nicsentry
