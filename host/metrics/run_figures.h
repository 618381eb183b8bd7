// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/base/duration_histogram.h"
#include "host/base/timestamp.h"
#include "host/metrics/exposition.h"
#include "host/report/window_report.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// All windows of a run that have ended.
struct WindowFigures {
  std::vector<Accounting> attachments;  // sums, by interface and hook; `sessions_active`: of the last window
  std::uint64_t windows = 0;
  TimestampNs end_ns = 0;                         // of the last one; 0: none has ended
  DurationHistogram closing;                      // from the switch to the next window until a report is complete
  DurationHistogram writing;                      // to files
  std::map<std::string, std::uint64_t> left_out;  // windows that an output did not keep up with, by its name
  std::map<std::string, std::uint64_t> messages;  // that the run had for its user, by level
};

struct AttachmentFigures {
  std::string interface;
  std::string hook;
  std::string mode;
  bool attached = false;  // and driven; false: the program was taken off, or failed
  std::size_t sessions_most = 0;
  std::size_t sessions_free = 0;
  double sampled = 1;  // the part of the packets of unknown sessions that is sent
};

struct ConnectionFigures {
  std::map<std::string, std::uint64_t> by_state;
  DurationHistogram state_latency;
  std::uint64_t waited = 0;
};

// The open window of a run, and what it drives.
struct LiveFigures {
  std::vector<AttachmentFigures> attachments;
  std::optional<ConnectionFigures> connections;  // none: they are not tracked
};

struct ChainFigures {
  std::vector<Amount> rules;  // what each rule counted
  bool default_drop = false;
  Amount dropped;  // by whatever
  Amount by_default;
  Amount established;
  Amount blocked;
  Amount non_ip;
  std::map<std::string, Amount> unjudged;  // by cause
};

struct FirewallFigures {
  std::array<ChainFigures, 2> chains;  // by Chain
  struct Set {
    std::string name;
    std::size_t entries = 0;
  };
  std::vector<Set> sets;
  std::size_t blocked = 0;  // entries of that set
  struct Place {
    std::string interface;
    std::string hook;
    Chain chain = Chain::ingress;
    bool enforcing = false;  // false: the last changes are not in force there
  };
  std::vector<Place> places;
  bool unconfirmed = false;  // a change waits
  bool unsaved = false;      // the state directory lacks something
};

struct PortFigures {
  std::string interface;
  bool up = false;
};

struct BuildFigures {
  std::string version;
  std::string commit;
  std::string program_abi;
  std::string state_format;
};

// Series that are only written when they are asked for: their number is the user's to choose. The rest of the rules and
// sets is added up as "other".
struct MetricsSelection {
  std::size_t rules = 0;  // of each chain, from the first on
  std::size_t sets = 0;
};
constexpr std::size_t kMostSelected = 10'000;

// All that a scrape shows.
struct RunFigures {
  std::chrono::steady_clock::time_point began{};  // of the scrape
  BuildFigures build;
  WindowFigures windows;
  std::optional<LiveFigures> live;
  std::optional<FirewallFigures> firewall;  // none: the run has none
  std::vector<PortFigures> ports;
  MetricsSelection selection;
  std::function<void(Exposition&)> programs;  // writes what users' programs export; none: nothing is loaded
  std::map<std::string, bool> parts;          // of the scrape: whether each could be read
};

}  // namespace nicsentry
