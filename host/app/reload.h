// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <string>

#include "host/app/daemon_options.h"
#include "host/app/messages.h"
#include "host/app/replaced_changes.h"
#include "host/enforce/firewall.h"

namespace nicsentry {

// Reads a run's options again while it goes on. Files of rules that have changed are put in force; what that takes
// away of changes by commands is named, and so is an option that needs a restart. Whatever is wrong is reported, and
// what was in force stays. Of the loop's thread; the work is done on a thread of its own, as the loop waits for nobody.
class Reload {
 public:
  // Notes what the files of rules hold. `running` needs not outlive it.
  Reload(const DaemonOptions& running, const Messages& messages);
  ~Reload() { wait(); }
  Reload(const Reload&) = delete;
  Reload& operator=(const Reload&) = delete;

  // The files of rules, if there are any, are in force on the run's firewall. `replaced` is called when a reload has
  // put others in force, on the other thread. Before any begin().
  void note_rules(const Firewall* firewall, std::function<void()> replaced);

  // `firewall`: of the run, or null. `done` gets the options that hold from now on, on the other thread. If a reload is
  // at work already, it does its work once more.
  void begin(Firewall* firewall, std::function<void(const DaemonOptions&)> done);
  void wait();

 private:
  void work(Firewall* firewall);
  void take_settings(const DaemonOptions& fresh);
  void take_rules(Firewall* firewall, const DaemonOptions& fresh);

  const Messages& messages_;
  // Of the other thread, while it works.
  DaemonOptions options_;                       // those that hold
  std::map<std::string, std::string> applied_;  // contents of the files of rules, by their paths
  ReplacedChanges replaced_;
  std::function<void()> told_;

  std::future<void> job_;
  std::atomic<unsigned> asked_ = 0;  // for a reload that is not done
};

}  // namespace nicsentry
