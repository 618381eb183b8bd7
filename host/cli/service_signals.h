// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace nicsentry {

// For commands that run until a signal: SIGINT, SIGTERM, SIGQUIT and SIGHUP are blocked in this thread and those that
// it starts, so that one of them can wait for them. A reader that goes is an error of write(2).
void block_service_signals();

}  // namespace nicsentry
