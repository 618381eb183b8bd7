// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>

#include "host/app/daemon_options.h"
#include "host/app/messages.h"
#include "host/app/report_output.h"

namespace nicsentry {

// How a run ended.
struct DaemonResult {
  bool failed = false;        // a port vanished, a window could not be written
  bool lost_program = false;  // somebody took a program off or put another one in its place
  bool abandoned = false;     // a thread stands in a write that does not end: the process must end without joining it
};

// Watches ports until SIGINT, SIGTERM, SIGQUIT, the given number of windows, or until none is left, and leaves them as
// they were found. SIGHUP reopens files. The caller must have blocked these signals in every thread, and ignored
// SIGPIPE. An error while it runs leaves programs that enforce rules on their hooks. `log`: a packet's record as one
// line of JSON, where options name no file. Throws Error when the run could not start.
DaemonResult run_daemon(const DaemonOptions& options, const ReportOutputOptions& output, const Messages& messages,
                        const std::function<void(const std::string&)>& log);

}  // namespace nicsentry
