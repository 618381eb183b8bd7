// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/firewall_port_run.h"

#include <unistd.h>

#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "host/analysis/live_analysis.h"
#include "host/app/logged_packets.h"
#include "host/app/ports_setup.h"
#include "host/app/program_keeper.h"
#include "host/app/standing_connections.h"
#include "host/base/error.h"
#include "host/base/wall_clock.h"
#include "host/enforce/firewall_log.h"
#include "host/run/event_loop.h"

namespace nicsentry {
namespace {

using namespace std::chrono_literals;

constexpr auto kHookLookInterval = 10ms;
constexpr auto kUnreadWindow = 10s;
constexpr std::uint64_t kUnreadCap = 1;  // packets of a session whose features nobody reads

DaemonOptions port_run_options(const std::string& interface, Mode mode) {
  DaemonOptions options;
  options.interfaces = {interface};
  options.port.mode = mode;
  options.port.both_directions = true;
  options.firewall = true;
  return options;
}

class FirewallPortRun : public polycube::FirewallPort {
 public:
  FirewallPortRun(Firewall& firewall, const std::string& interface, Mode mode, const std::string& socket,
                  const Messages& messages, const std::function<void(const std::string&)>& log)
      : firewall_(firewall),
        messages_(messages),
        log_(log),
        logged_(DaemonOptions{}.log_rate, log),
        ports_(open_ports(port_run_options(interface, mode), &firewall)),
        analysis_(loop_, {common_profile(ports_), kUnreadWindow, kUnreadCap, std::chrono::microseconds::zero()},
                  analysis_output()),
        keeper_messages_{messages.info, [this](const std::string& text) { warn_once(text); }, messages.error},
        programs_(
            keeper_messages_,
            [this](const Attachment& attachment, const std::string& reason) {
              analysis_.end_attachment(attachment, reason + "; nothing is enforced there from now on");
              keep_enforcing();
            },
            [this](const PortNames& names) {
              rename_ports(names, ports_, analysis_.monitor().attachments(), &firewall_, messages_);
            }) {
    loop_.watch(programs_.poll_fd());
    loop_.add_timer(EventLoop::Clock::now(), [this](auto now) {
      programs_.look(wall_clock_ns());
      return now + kHookLookInterval;
    });
    loop_.add_timer(EventLoop::Clock::now(), [this](auto now) {
      logged_.report_left_out();
      return now + kLeftOutInterval;
    });
    start(socket);
    thread_ = std::thread([this] { run(); });
  }

  ~FirewallPortRun() override {
    loop_.calls().close();
    loop_.stop();
    thread_.join();
    try {
      analysis_.stop_attachments();
      firewall_.keep_attachments({});
      for (const auto& port : ports_) {
        if (port->restore().empty()) {
          messages_.info("nothing is enforced on " + port->interface().name + " from now on");
        }
      }
    } catch (const std::exception& error) {
      messages_.error(error.what());
    }
  }

  ConnectionsSnapshot connections() override {
    return loop_.calls().call([this] { return analysis_.monitor().connections(); });
  }

 private:
  LiveAnalysisOutput analysis_output() {
    LiveAnalysisOutput output;
    output.window = [this](const WindowReport& report, std::chrono::nanoseconds /*closing*/) {
      programs_.take_outages();
      report_lost(report);
    };
    output.events = [this](const Attachment& attachment, const EventBatch& batch) {
      logged_.take(attachment, batch, &firewall_);
    };
    output.info = messages_.info;
    output.warning = messages_.warning;
    output.failure = [this](const Monitor::Failure& failure) {
      messages_.error(failure.attachment + ": " + failure.reason);
      keep_enforcing();
    };
    output.attachments_dropped = [this] {
      if (programs_.keep(analysis_.monitor().attachments())) {
        keep_enforcing();
      }
    };
    return output;
  }

  void start(const std::string& socket) {
    const FingerprintKeys keys = random_keys();
    for (const auto& port : ports_) {
      port->record(getpid(), socket);
      for (auto& opened : port->programs()) {
        const auto make = opened.adopted ? Attachment::adopt : Attachment::fresh;
        auto attachment = make({port->interface().name, hook_name(opened.record.hook), mode_name(opened.record.mode)},
                               std::move(opened.program), {kDefaultSessions, keys, std::nullopt});
        programs_.add(analysis_.add_attachment(std::move(attachment)), *port, opened.record);
      }
      messages_.info(port->how());
      if (!port->caution().empty()) messages_.warning(port->caution());
    }
    analysis_.track_connections({});
    take_standing_connections(analysis_, messages_.warning);
    analysis_.start();
  }

  void run() {
    try {
      loop_.run();
    } catch (const std::exception& error) {
      messages_.error(std::string("connections are followed no more, by an error: ") + error.what());
    }
  }

  // A monitor in front of the firewall has another program with each read that swaps its maps.
  void warn_once(const std::string& text) {
    if (warned_.insert(text.substr(0, text.find(" (id "))).second) {
      messages_.warning(text);
    }
  }

  void keep_enforcing() {
    std::vector<const FirewallMaps*> kept;
    for (const auto& attachment : analysis_.monitor().attachments()) {
      if (!attachment->ended()) {
        kept.push_back(attachment->program().firewall());
      }
    }
    firewall_.keep_attachments(kept);
  }

  // Packets that a rule logs are among the events that a full ring lost; how many is not known.
  void report_lost(const WindowReport& report) {
    for (const Accounting& one : report.attachments) {
      if (one.events_lost() != 0) {
        log_(lost_record(wall_clock_ns(), one.interface, one.hook, one.events_lost()));
      }
    }
  }

  Firewall& firewall_;
  const Messages& messages_;
  const std::function<void(const std::string&)>& log_;
  LoggedPackets logged_;
  EventLoop loop_;
  Ports ports_;
  LiveAnalysis analysis_;
  std::set<std::string> warned_;
  const Messages keeper_messages_;
  ProgramKeeper programs_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<polycube::FirewallPort> open_firewall_port(Firewall& firewall, const std::string& interface, Mode mode,
                                                           const std::string& socket, const Messages& messages,
                                                           const std::function<void(const std::string&)>& log) {
  try {
    return std::make_unique<FirewallPortRun>(firewall, interface, mode, socket, messages, log);
  } catch (...) {
    firewall.keep_attachments({});  // of programs that are gone again
    throw;
  }
}

}  // namespace nicsentry
