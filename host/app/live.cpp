// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/live.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <utility>

#include "host/analysis/adaptive_sampling.h"
#include "host/analysis/monitor.h"
#include "host/analysis/tick_interval.h"
#include "host/api/client/find_controller.h"
#include "host/api/endpoints/connections.h"
#include "host/api/endpoints/explain_endpoint.h"
#include "host/api/endpoints/firewall_endpoints.h"
#include "host/api/server/command_socket.h"
#include "host/app/live_firewall.h"
#include "host/base/error.h"
#include "host/base/wall_clock.h"
#include "host/datapath/quiescence.h"
#include "host/enforce/firewall.h"
#include "host/enforce/firewall_log.h"
#include "host/ports/program_watch.h"
#include "host/run/loop_requests.h"
#include "host/run/waiter.h"

namespace nicsentry {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr nanoseconds kShortestPoll = 250us;
constexpr nanoseconds kLongestPoll = 10ms;
constexpr nanoseconds kGovernorInterval = 100ms;
// A packet's stay in a card, threads and queues included, is below a tenth of this.
constexpr std::chrono::microseconds kCardQuiescence{2000};

nanoseconds thread_processor_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

UniqueFd signal_descriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) {
    throw SystemError(errno, "waiting for signals");
  }
  return fd;
}

class LiveRun {
 public:
  LiveRun(const LiveOptions& options, const LiveOutput& output)
      : options_(options),
        output_(output),
        firewall_(make_firewall(options, output.warning)),
        ports_(open_ports(options, firewall_.get())),
        profile_(common_profile(ports_)),
        monitor_(profile_, options.cap, wall_clock_ns),
        signals_(signal_descriptor()),
        quiescence_(on_card(ports_) ? kCardQuiescence : std::chrono::microseconds::zero()),
        socket_path_((runtime_directory() / ("controller-" + std::to_string(getpid()) + ".sock")).string()),
        server_(socket_path_),
        sink_(output.write) {
    remove_dead_sockets();
    waiter_.add(signals_.get());
    waiter_.add(programs_.poll_fd());
    waiter_.add(requests_.poll_fd());
    waiter_.add(quiescence_.poll_fd());
    start_server();
  }

  ~LiveRun() {
    requests_.close();  // also when the loop ended by an error: the server's threads wait for it
    for (const auto& port : ports_) {
      try {
        port->restore();
      } catch (const Error& error) {
        output_.error(error.what());
      }
    }
  }
  LiveRun(const LiveRun&) = delete;
  LiveRun& operator=(const LiveRun&) = delete;

  bool run() {
    output_.prepare(profile_);
    start_attachments();
    while (!stopping_) {
      waiter_.wait(std::min({poll_, next_window_ - SteadyClock::now(), next_tick_ - SteadyClock::now()}));
      read_events();
      answer_calls();
      look_for_signals();
      end_missing_attachments();
      tick_when_due();
      govern_when_due();
      end_window_when_due();
      report_failures();
      stopping_ = stopping_ || monitor_.attachments().empty();
    }
    if (!last_window_done_ && !monitor_.attachments().empty()) {
      end_window();
    }
    requests_.close();
    stop_attachments();
    collect_outcomes(true);
    return !failed_;
  }

 private:
  static std::vector<std::unique_ptr<Port>> open_ports(const LiveOptions& options, Firewall* firewall) {
    PortOptions port_options = options.port;
    if (firewall != nullptr) {
      port_options.firewall = {FirewallSize{},
                               [firewall](const Program& program, Hook hook) {
                                 firewall->add_attachment(program.shared_firewall(), chain_of(hook));
                               },
                               [firewall] { return firewall->answers_fd(); }};
    }
    for (const std::string& interface : options.interfaces) {
      find_interface(interface);  // before the rules of a program that enforces are touched
    }
    std::vector<std::unique_ptr<Port>> ports;
    std::vector<const FirewallMaps*> kept;
    for (const std::string& interface : options.interfaces) {
      ports.push_back(std::make_unique<Port>(interface, port_options, Owner::run));
      for (const auto& opened : ports.back()->programs()) {
        kept.push_back(opened.program.firewall());
      }
    }
    if (firewall != nullptr) {
      firewall->keep_attachments(kept);  // without the programs of modes that did not work
    }
    return ports;
  }

  static Profile common_profile(const std::vector<std::unique_ptr<Port>>& ports) {
    std::optional<Profile> common;
    for (const auto& port : ports) {
      for (const auto& opened : port->programs()) {
        const Profile profile = opened.program.profile();
        common = !common || common == Profile::all ? profile : common;
      }
    }
    return common.value_or(Profile::all);
  }

  static bool on_card(const std::vector<std::unique_ptr<Port>>& ports) {
    return std::any_of(ports.begin(), ports.end(), [](const auto& port) {
      return std::any_of(port->programs().begin(), port->programs().end(),
                         [](const auto& opened) { return opened.record.mode == Mode::hw; });
    });
  }

  void start_server() {
    server_.on("/extract", [this](const nlohmann::json&) {
      const WindowOutcome outcome = requests_.ask_for_window().get().get();
      nlohmann::ordered_json answer{{"window", outcome.number}, {"files", nlohmann::json::array()}};
      for (const auto& file : outcome.files) {
        answer["files"].push_back(std::filesystem::absolute(file).string());
      }
      if (!outcome.errors.empty()) {
        throw Error(outcome.errors.front());
      }
      return answer;
    });
    if (firewall_) {
      add_firewall_endpoints(
          server_, *firewall_,
          [this](Chain chain) { requests_.call([this, chain] { return enforcing_program(chain); }); },
          one_way_caution(options_));
      add_explain_endpoint(server_, *firewall_, [this](Chain chain) {
        return requests_.call([this, chain] { return enforcing_program(chain); });
      });
    }
    server_.on("/firewall/connections", [this](const nlohmann::json&) {
      return describe_connections(requests_.call([this] { return connections(); }), wall_clock_ns());
    });
    server_.start();
  }

  // Every attachment of a chain has the same rules and sets; the first one speaks for all.
  EnforcingProgram enforcing_program(Chain chain) const {
    for (const auto& attachment : monitor_.attachments()) {
      const AttachmentRecord& record = programs_.record(*attachment);
      if (chain_of(record.hook) == chain && attachment->program().firewall() != nullptr) {
        return {attachment->name().text(), record.program_id, record.hook, record.mode};
      }
    }
    throw not_enforced(chain);
  }

  ConnectionsSnapshot connections() const {
    if (!monitor_.tracks_connections()) {
      throw Error("connections are not tracked: the run has no firewall (run with --rules, --state or --firewall)");
    }
    return monitor_.connections();
  }

  void answer_calls() {
    for (const auto& call : requests_.take_calls()) {
      call();
    }
  }

  // A rule may ask for the state of a connection: every program that has a firewall, also one whose rules are not ours.
  void track_connections() {
    bool any = false;
    for (const auto& attachment : monitor_.attachments()) {
      const FirewallMaps* maps = attachment->program().firewall();
      any = any || maps != nullptr;
      if (maps != nullptr && !firewall_ && (maps->read_control().config & FIREWALL_ON) != 0) {
        output_.warning(attachment->name().text() + ": its firewall stays in force as it was left; " +
                        "with --state or --rules this run would have it in charge");
      }
    }
    if (any) {
      monitor_.track_connections(true);
      longest_poll_ = kShortestPoll;
    }
  }

  void start_attachments() {
    const FingerprintKeys keys =
        random_keys();  // one for all: a session has one fingerprint, by which answers are expected
    for (const auto& port : ports_) {
      port->record(getpid(), socket_path_);
      for (auto& opened : port->programs()) {
        const auto make = opened.adopted ? Attachment::adopt : Attachment::fresh;
        Attachment& added = monitor_.add_attachment(
            make({port->interface().name, hook_name(opened.record.hook), mode_name(opened.record.mode)},
                 std::move(opened.program), {options_.port.sessions.value_or(kDefaultSessions), keys, std::nullopt}));
        waiter_.add(added.reader().poll_fd());
        programs_.add(added, port->interface(), opened.record);
      }
      output_.info(port->how());
    }
    if (const auto caution = one_way_caution(options_)) {
      output_.warning(*caution);
    }
    track_connections();
    window_start_ = wall_clock_ns();
    const auto now = SteadyClock::now();
    next_window_ = now + options_.window;
    tick_ = tick_interval(options_.window);
    next_tick_ = now + tick_;
    next_govern_ = now + kGovernorInterval;
  }

  void read_events() {
    const nanoseconds before = thread_processor_time();
    std::vector<Monitor::Arrived> arrived;
    for (const auto& attachment : monitor_.attachments()) {
      EventBatch& batch = batches_[attachment.get()];
      batch.clear();
      lost_[attachment.get()] = attachment->reader().drain(batch) != 0 || lost_[attachment.get()];
      batch.sort_by_time();
      if (!batch.events().empty()) {
        arrived.push_back({attachment.get(), &batch});
        log_packets(*attachment, batch);
      }
    }
    monitor_.process(arrived);
    const bool any = !arrived.empty();
    poll_ = any ? std::max(poll_ / 2, kShortestPoll) : std::min(poll_ * 2, longest_poll_);
    if (any) {
      event_time_ += thread_processor_time() - before;
    }
  }

  void log_packets(Attachment& attachment, const EventBatch& batch) {
    for (const EventBatch::Event& event : batch.events()) {
      if ((event.header.verdict & ACTION_LOG) != 0) {
        const auto rule = firewall_ ? firewall_->deciding_rule(attachment.program().firewall(), event.header.action)
                                    : std::optional<Firewall::Deciding>();
        output_.log(log_record(attachment.name(), rule, event.timestamp_ns, event.header, batch.packet(event)));
      }
    }
  }

  void look_for_signals() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
      stopping_ = true;
    }
  }

  // What was counted until then is in the window that this ends.
  void end_missing_attachments() {
    for (const auto& [attachment, reason] : programs_.look()) {
      if (!attachment->ended()) {
        monitor_.end_attachment(*attachment, reason + "; what was counted until then is in this window");
        next_window_ = SteadyClock::now();
      }
    }
  }

  void tick_when_due() {
    const auto now = SteadyClock::now();
    if (now < next_tick_) {
      return;
    }
    monitor_.tick(wall_clock_ns());
    // On a card every look is a message: looking takes no more than a tenth of the time.
    next_tick_ = now + std::max<nanoseconds>(tick_, 10 * (SteadyClock::now() - now));
  }

  void govern_when_due() {
    const auto now = SteadyClock::now();
    if (now < next_govern_) {
      return;
    }
    const nanoseconds spent = std::exchange(event_time_, 0ns);
    const auto passed = now - std::exchange(last_govern_, now);
    next_govern_ = now + kGovernorInterval;
    for (const auto& attachment : monitor_.attachments()) {
      const Load load{static_cast<double>(spent.count()) / static_cast<double>(passed.count()),
                      std::exchange(lost_[attachment.get()], false), attachment->sessions().free_ids() == 0};
      const std::uint32_t rate = next_sampling_rate(attachment->sampling_rate(), load);
      if (rate != attachment->sampling_rate() && !attachment->ended()) {
        set_sampling_rate(*attachment, rate);
      }
    }
  }

  void set_sampling_rate(Attachment& attachment, std::uint32_t rate) {
    const bool was_all = attachment.sampling_rate() == CONFIG_SHARE_ALL;
    try {
      attachment.set_sampling_rate(rate);
    } catch (const Error& error) {
      monitor_.end_attachment(attachment, error.what());
      return;
    }
    if (was_all) {
      output_.warning(attachment.name().text() + ": more packets of unknown sessions than the host keeps up with; " +
                      "taking a share of them until it does (see left out in the window's accounting)");
    } else if (rate == CONFIG_SHARE_ALL) {
      output_.info(attachment.name().text() + ": taking all packets of unknown sessions again");
    }
  }

  void end_window_when_due() {
    auto asked = requests_.take_windows();
    if (asked.empty() && SteadyClock::now() < next_window_ && !stopping_) {
      return;
    }
    const auto outcome = end_window();
    for (auto& promise : asked) {
      promise.set_value(outcome);
    }
    next_window_ = std::max(next_window_ + options_.window, SteadyClock::now());
    if (!asked.empty()) {
      next_window_ = SteadyClock::now() + options_.window;
    }
    stopping_ = stopping_ || (options_.windows != 0 && window_number_ >= options_.windows);
    last_window_done_ = stopping_;
  }

  std::shared_future<WindowOutcome> end_window() {
    const TimestampNs end = wall_clock_ns();
    WindowCloser closing = monitor_.flip(window_number_++, std::exchange(window_start_, end));
    quiescence_.request();
    do {
      waiter_.wait(kShortestPoll);
      read_events();
    } while (!quiescence_.take_done());
    read_events();
    WindowReport report = closing.collect(end);
    forget_dropped_attachments();
    outcomes_.push_back(sink_.put(std::move(report)));
    auto outcome = outcomes_.back();
    collect_outcomes(false);
    return outcome;
  }

  void forget_dropped_attachments() {
    if (programs_.keep(monitor_.attachments()) && firewall_) {
      std::vector<const FirewallMaps*> kept;
      for (const auto& attachment : monitor_.attachments()) {
        kept.push_back(attachment->program().firewall());
      }
      firewall_->keep_attachments(kept);
    }
  }

  void report_failures() {
    for (const auto& failure : monitor_.take_failures()) {
      output_.error(failure.attachment + ": " + failure.reason);
      failed_ = true;
    }
  }

  void collect_outcomes(bool all) {
    while (!outcomes_.empty() && (all || outcomes_.front().wait_for(0s) == std::future_status::ready)) {
      failed_ = failed_ || !outcomes_.front().get().errors.empty();
      outcomes_.pop_front();
    }
  }

  // Programs that stay on their port are left as they were before anybody drove them.
  void stop_attachments() {
    for (const auto& attachment : monitor_.attachments()) {
      try {
        attachment->stop();
      } catch (const Error& error) {
        monitor_.end_attachment(*attachment, error.what());
      }
    }
    report_failures();
  }

  const LiveOptions& options_;
  const LiveOutput& output_;
  std::unique_ptr<Firewall> firewall_;
  std::vector<std::unique_ptr<Port>> ports_;
  Profile profile_;
  Monitor monitor_;
  Waiter waiter_;
  UniqueFd signals_;
  ProgramWatch programs_;
  LoopRequests requests_;
  Quiescence quiescence_;
  std::string socket_path_;
  CommandServer server_;
  WindowSink sink_;
  std::map<const Attachment*, EventBatch> batches_;
  std::map<const Attachment*, bool> lost_;
  std::deque<std::shared_future<WindowOutcome>> outcomes_;
  TimestampNs window_start_ = 0;
  std::uint64_t window_number_ = 0;
  nanoseconds longest_poll_ = kLongestPoll;
  nanoseconds poll_ = kLongestPoll;
  nanoseconds tick_{};
  nanoseconds event_time_{};  // of this thread's processor time, since the governor looked
  SteadyClock::time_point next_window_;
  SteadyClock::time_point next_tick_;
  SteadyClock::time_point next_govern_;
  SteadyClock::time_point last_govern_ = SteadyClock::now();
  bool stopping_ = false;
  bool last_window_done_ = false;
  bool failed_ = false;
};

}  // namespace

bool run_live(const LiveOptions& options, const LiveOutput& output) {
  LiveRun run(options, output);
  return run.run();
}

}  // namespace nicsentry
