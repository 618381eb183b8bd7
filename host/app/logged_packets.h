// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "host/analysis/attachment.h"
#include "host/app/log_limiter.h"
#include "host/app/packet_sampler.h"
#include "host/datapath/event_reader.h"
#include "host/enforce/firewall.h"

namespace nicsentry {

// Writes the records of packets that rules log: those that the rule's sampling chooses, at most so many a second. For
// one thread.
class LoggedPackets {
 public:
  // `write` takes a line of JSON and waits for nobody. `per_second` 0: no limit.
  LoggedPackets(std::uint64_t per_second, std::function<void(const std::string&)> write);

  // `firewall` may be null: then records name no rule.
  void take(const Attachment& attachment, const EventBatch& batch, const Firewall* firewall);
  void set_rate(std::uint64_t per_second) { limiter_.set_rate(per_second); }
  // Writes how many records the limit left out since the last call, if any.
  void report_left_out();

 private:
  LogLimiter limiter_;
  std::function<void(const std::string&)> write_;
  std::unordered_map<const Attachment*, PacketSampler> samplers_;
};

}  // namespace nicsentry
