// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/service_signals.h"

#include <signal.h>

namespace nicsentry {

void block_service_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) {
    sigaddset(&signals, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

}  // namespace nicsentry
