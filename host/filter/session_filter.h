// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>

#include "host/report/window_report.h"

namespace nicsentry {

// An expression in the grammar of pcap-filter(7), asked of sessions in place of packets: `src` is the client, `dst` the
// server. Of one thread at a time.
class SessionFilter {
 public:
  // Throws BadRequest for what libpcap does not understand, for names (nothing is looked up) and for what a session
  // does not have, such as a length.
  explicit SessionFilter(const std::string& expression);

  bool matches(const SessionWindow& session) const;

 private:
  struct Program;

  std::shared_ptr<const Program> program_;
};

}  // namespace nicsentry
