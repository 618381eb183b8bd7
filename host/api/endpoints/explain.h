// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "host/api/endpoints/kept_value.h"
#include "host/api/endpoints/run_firewall.h"
#include "host/api/json/explain_json.h"
#include "host/api/server/router.h"
#include "host/datapath/program.h"
#include "host/enforce/limit_model.h"

namespace nicsentry {

// Asks a copy of a program what it does with packets. Any thread; one at a time is answered.
class PacketExplainer {
 public:
  PacketExplainer();
  // For a program on no port, which is asked itself. Both must outlive it.
  PacketExplainer(const Firewall& firewall, const Program& on_no_port, Hook hook);
  ~PacketExplainer();
  PacketExplainer(const PacketExplainer&) = delete;
  PacketExplainer& operator=(const PacketExplainer&) = delete;

  // The copy is kept for some seconds where the request says that more of them follow. Throws Conflict where the
  // program cannot be asked.
  ExplainAnswer explain(const Firewall& firewall, const EnforcingProgram& program, const ExplainRequest& request);

 private:
  struct Kept;
  struct KeptLimits {
    std::uint64_t capture = 0;
    LimitModel limits;
  };
  LimitModel take_limits(const ExplainRequest& request);
  void keep_limits(const ExplainRequest& request, LimitModel limits);

  bool keeps_ = false;  // also behind the last request
  std::mutex mutex_;
  KeptValue<Kept> kept_;
  std::vector<KeptLimits> captures_;  // of which more is asked; the last one was asked about last
};

// /rules/{chain}/explain: the same of a run.
void add_explain_routes(Router& router, const RunFirewall& run);

}  // namespace nicsentry
