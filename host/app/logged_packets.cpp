// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/logged_packets.h"

#include <optional>
#include <utility>

#include "bpf_offload/types.h"
#include "host/base/wall_clock.h"
#include "host/enforce/firewall_log.h"

namespace nicsentry {

LoggedPackets::LoggedPackets(std::uint64_t per_second, std::function<void(const std::string&)> write)
    : limiter_(per_second), write_(std::move(write)) {}

void LoggedPackets::take(const Attachment& attachment, const EventBatch& batch, const Firewall* firewall) {
  for (const EventBatch::Event& event : batch.events()) {
    if ((event.header.verdict & ACTION_LOG) == 0) {
      continue;
    }
    const auto rule = firewall != nullptr
                          ? firewall->deciding_rule(attachment.program().firewall(), event.header.action)
                          : std::optional<Firewall::Deciding>();
    if ((!rule || samplers_[&attachment].take(*rule->rule)) && limiter_.take(event.timestamp_ns)) {
      write_(log_record(attachment.name(), rule, event.timestamp_ns, event.header, batch.packet(event)));
    }
  }
}

void LoggedPackets::report_left_out() {
  if (const std::uint64_t left_out = limiter_.take_left_out(); left_out != 0) {
    write_(left_out_record(wall_clock_ns(), left_out));
  }
}

}  // namespace nicsentry
