// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/daemon.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "host/analysis/live_analysis.h"
#include "host/api/client/find_controller.h"
#include "host/api/endpoints/access.h"
#include "host/api/endpoints/connections.h"
#include "host/api/endpoints/events.h"
#include "host/api/endpoints/explain.h"
#include "host/api/endpoints/health.h"
#include "host/api/endpoints/metrics.h"
#include "host/api/endpoints/programs.h"
#include "host/api/endpoints/rules.h"
#include "host/api/endpoints/ruleset.h"
#include "host/api/endpoints/sessions.h"
#include "host/api/endpoints/sets.h"
#include "host/api/endpoints/status.h"
#include "host/api/endpoints/traffic.h"
#include "host/api/endpoints/version.h"
#include "host/api/endpoints/windows.h"
#include "host/api/page/page.h"
#include "host/api/server/http_server.h"
#include "host/app/firewall_setup.h"
#include "host/app/live_view.h"
#include "host/app/logged_packets.h"
#include "host/app/packet_log.h"
#include "host/app/ports_setup.h"
#include "host/app/program_keeper.h"
#include "host/app/reload.h"
#include "host/app/service_manager.h"
#include "host/app/standing_connections.h"
#include "host/app/tcp_api.h"
#include "host/app/user_programs.h"
#include "host/app/version_info.h"
#include "host/base/error.h"
#include "host/base/rfc3339.h"
#include "host/base/wall_clock.h"
#include "host/export/files/summary_json.h"
#include "host/metrics/run_meters.h"
#include "host/run/event_loop.h"

namespace nicsentry {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookInterval = 10ms;  // at programs whose interface changed
// A packet's stay in a card, threads and queues included, is below a tenth of this.
constexpr std::chrono::microseconds kCardQuiescence{2000};
constexpr std::chrono::seconds kWindowLimit{20};  // a window ends in milliseconds, on a card in seconds
constexpr auto kHeartbeat = 500ms;                // of the loop, for /healthz
constexpr auto kStandstill = 10s;                 // of the loop
constexpr auto kEventsBeat = 15s;                 // shorter than what proxies wait for
constexpr auto kLiveFiguresAge = 200ms;
constexpr auto kLiveFiguresLimit = 1000ms;        // a scrape goes on without them
constexpr std::chrono::seconds kFilesLimit{100};  // a large window takes its time to be written

std::string json_line(const nlohmann::ordered_json& object) {
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

UniqueFd signal_descriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) {
    sigaddset(&signals, signal);
  }
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) {
    throw SystemError(errno, "waiting for signals");
  }
  return fd;
}

std::string still_enforcing(const std::string& port) {
  return port + ": what could not be taken off goes on enforcing what it has; take it off with: nicsentry detach -i " +
         port;
}

Messages count_messages(const Messages& messages, const std::shared_ptr<RunMeters>& meters,
                        const std::shared_ptr<EventFeed>& feed) {
  const auto counted = [&](const char* level, const std::function<void(const std::string&)>& say) {
    return [meters, feed, level, say](const std::string& text) {
      meters->add_messages(level, 1);
      if (feed->wanted(EventKind::message)) {
        feed->publish(EventKind::message, json_line({{"level", level}, {"text", text}}));
      }
      say(text);
    };
  };
  return {messages.info, counted("warning", messages.warning), counted("error", messages.error)};
}

void publish_change(EventFeed& feed, const RunFirewall::SetChange& change) {
  if (!feed.wanted(EventKind::block)) {
    return;
  }
  auto entries = nlohmann::ordered_json::array();
  for (const AddressRange& range : change.entries) {
    entries.push_back(range.text());
  }
  const TimestampNs now = wall_clock_ns();
  feed.publish(EventKind::block, json_line({{"time_ns", now},
                                            {"time", rfc3339(now)},
                                            {"set", change.set},
                                            {"added", change.added},
                                            {"removed", change.removed},
                                            {"entries", std::move(entries)}}));
}

void publish_rules(EventFeed& feed, const Firewall& firewall, const RunFirewall::RulesChange& change) {
  if (!feed.wanted(EventKind::rules)) {
    return;
  }
  const TimestampNs now = wall_clock_ns();
  nlohmann::ordered_json event{{"time_ns", now}, {"time", rfc3339(now)}, {"what", change.what}, {"by", change.by}};
  if (change.chain) {
    event["chain"] = chain_name(*change.chain);
  }
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    const auto rules = firewall.rules(chain);
    event[chain_name(chain)] = {{"rules", rules->rules.size()},
                                {"default", rules->default_action == RuleAction::drop ? "drop" : "accept"}};
  }
  if (!change.sets.empty()) {
    event["sets"] = change.sets;
  }
  feed.publish(EventKind::rules, json_line(event));
}

// A run: everything that it needs is put together here, and nowhere else.
class Daemon {
 public:
  Daemon(const DaemonOptions& options, const ReportOutputOptions& output, const Messages& messages,
         const std::function<void(const std::string&)>& log, std::shared_ptr<RunMeters> meters,
         std::shared_ptr<EventFeed> feed)
      : options_(options),
        messages_(messages),
        log_(log),
        meters_(std::move(meters)),
        feed_(std::move(feed)),
        logged_(options.log_rate, [this](const std::string& record) { write_record(record); }),
        settings_(options.settings),
        reload_(options, messages),
        firewall_(make_firewall(options, messages)),
        ports_(open_ports(options, firewall_.get())),
        output_(with_end(output), common_profile(ports_), messages),
        analysis_(loop_, analysis_options(), analysis_output()),
        signals_(signal_descriptor()),
        programs_(
            messages, [this](const Attachment& attachment, const std::string& reason) { lose(attachment, reason); },
            [this](const PortNames& names) {
              rename_ports(names, ports_, analysis_.monitor().attachments(), firewall_.get(), messages_);
              note_port_names();
            }),
        user_programs_(messages.warning),
        service_manager_(messages.warning),
        leave_attached_(options.leave_attached),
        socket_path_((runtime_directory_to_drive() / ("controller-" + std::to_string(getpid()) + ".sock")).string()),
        server_(std::make_unique<HttpServer>(router_)) {
    if (options.log) {
      packet_log_ = std::make_unique<PacketLog>(*options.log, messages);
    }
    reload_.note_rules(firewall_.get(), [this] {
      publish_rules(*feed_, *firewall_, {"reload", std::nullopt, "a reload of the configuration"});
    });
    note_port_names();
    remove_dead_sockets();
    tidy_records();
    watch();
    serve();
  }

  ~Daemon() { end_requests(); }  // ports that were not driven are left as they were found
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  DaemonResult run() {
    start_attachments();
    live_view_->start();
    service_manager_.ready(state_line());
    attempt([this] { loop_.run(); });
    service_manager_.stopping();
    end_requests();
    if (leave_attached_ && firewall_) {
      attempt([this] { firewall_->take_back_unconfirmed(); });
    }
    report_unsaved();
    attempt([this] { analysis_.stop_attachments(); });
    leave_ports();  // before outputs that may stand still are waited for
    report_log();
    failed_ = (packet_log_ != nullptr && !packet_log_->close()) || failed_;
    failed_ = !output_.close() || failed_;
    return {failed_, programs_.lost_program(),
            output_.abandoned() || (packet_log_ != nullptr && packet_log_->abandoned())};
  }

 private:
  // Without a firewall a run that nobody reads is over; with one it goes on enforcing.
  ReportOutputOptions with_end(ReportOutputOptions output) {
    output.text_ended = [this] {
      text_ended_ = true;
      if (firewall_) {
        messages_.warning("nobody reads standard output any more; the run goes on without it");
      } else {
        loop_.calls().post([this] { stop_after_window(); });
      }
    };
    output.written = [meters = meters_](const WindowOutcome& outcome) { meters->add_written(outcome.took); };
    for (const char* level : {"warning", "error"}) {
      meters_->add_messages(level, 0);  // a series that begins with its first message has no rate for it
    }
    meters_->add_left_out("standard output", 0);
    if (!output.formats.empty()) {
      meters_->add_left_out("files", 0);
    }
    output.lost = [meters = meters_](const std::string& name, std::uint64_t windows) {
      meters->add_left_out(name, windows);
    };
    return output;
  }

  LiveAnalysisOptions analysis_options() const {
    return {common_profile(ports_), options_.window, options_.cap,
            any_on_card(ports_) ? kCardQuiescence : std::chrono::microseconds::zero(), options_.port.vlans};
  }

  LiveAnalysisOutput analysis_output() {
    LiveAnalysisOutput output;
    output.window = [this](WindowReport report, std::chrono::nanoseconds closing) {
      meters_->add_window(report, closing);
      if (feed_->wanted(EventKind::window)) {
        auto window = window_json(report);
        window["window"] = report.number + output_.first_window();  // as in its files
        feed_->publish(EventKind::window, json_line(window));
      }
      take_window(std::move(report));
    };
    output.events = [this](const Attachment& attachment, const EventBatch& batch) {
      logged_.take(attachment, batch, firewall_.get());
    };
    output.info = messages_.info;
    output.warning = messages_.warning;
    output.failure = [this](const Monitor::Failure& failure) {
      messages_.error(failure.attachment + ": " + failure.reason);
      failed_ = true;
      note_failure(failure);
    };
    output.attachments_dropped = [this] { forget_dropped_attachments(); };
    return output;
  }

  void watch() {
    loop_.watch(signals_.get(), [this] { look_for_signals(); });
    loop_.watch(programs_.poll_fd());
    loop_.add_timer(EventLoop::Clock::now(), [this](auto now) {
      programs_.look(wall_clock_ns());
      return now + kLookInterval;
    });
    service_manager_.feed_from(loop_);
    loop_.add_timer(EventLoop::Clock::now(), [this](auto now) {
      turned_ = now.time_since_epoch().count();
      return now + kHeartbeat;
    });
    loop_.add_timer(EventLoop::Clock::now() + kEventsBeat, [this](auto now) {
      feed_->beat();
      return now + kEventsBeat;
    });
    if (firewall_) {
      loop_.add_timer(EventLoop::Clock::now(), [this](auto now) {
        report_log();
        return now + kLeftOutInterval;
      });
    }
  }

  void serve() {
    const RunFirewall run{
        firewall_.get(),
        [this](Chain chain) { return loop_.calls().call([this, chain] { return enforcing_program(chain); }); },
        [this] { return firewall_ ? firewall_->enforced() : std::vector<Enforcement::EnforcedAt>(); },
        [feed = feed_](const RunFirewall::SetChange& change) { publish_change(*feed, change); },
        [this](const RunFirewall::RulesChange& change) { publish_rules(*feed_, *firewall_, change); }};
    add_rules_routes(router_, run, one_way_caution(options_));
    add_ruleset_routes(router_, run);
    add_sets_routes(router_, run);
    add_explain_routes(router_, run);
    add_connections_routes(router_, [this] { return loop_.calls().call([this] { return connections(); }); });
    add_sessions_routes(router_, [this] { return live_view_->sessions(); });
    add_traffic_routes(router_, {[this] { return live_view_->sessions(); },
                                 [this](TimestampNs since_ns) { return live_view_->traffic(since_ns); }});
    add_windows_routes(router_, [this] { return ended_window(); });
    add_programs_routes(router_, {[this] { return loop_.calls().call([this] { return port_names(); }); },
                                  [this](const std::string& what) {
                                    messages_.info("programs of your own: " + what);
                                    user_programs_.look();
                                  }});
    add_status_routes(router_, [this, run] { return status(run); });
    add_version_routes(router_, version_info());
    add_metrics_routes(router_, run, run_metrics());
    add_health_routes(router_, [this] {
      return EventLoop::Clock::now().time_since_epoch() - EventLoop::Clock::duration(turned_.load()) < kStandstill;
    });
    add_events_routes(router_, *feed_);
    add_access_routes(router_);
    add_page_routes(router_);
    live_view_ = std::make_unique<LiveView>(loop_.calls(), analysis_, output_.first_window());
    server_->listen_unix(socket_path_);
    tcp_api_ = std::make_unique<TcpApi>(*server_, options_.listen, messages_);
  }

  EndedWindow ended_window() {
    const WindowOutcome outcome = extract();
    EndedWindow ended{outcome.number, {}};
    for (const auto& file : outcome.files) {
      ended.files.push_back(std::filesystem::absolute(file).string());
    }
    return ended;
  }

  // On a request's thread: ends the open window, and waits for its files.
  WindowOutcome extract() {
    std::future<std::uint64_t> ended = loop_.calls().call([this] {
      auto promise = std::make_shared<std::promise<std::uint64_t>>();
      auto future = promise->get_future();
      analysis_.end_window([promise](std::uint64_t number) { promise->set_value(number); });
      return future;
    });
    if (ended.wait_for(kWindowLimit) != std::future_status::ready) {
      throw Unavailable("the window did not end within " + std::to_string(kWindowLimit.count()) + " s");
    }
    try {
      const auto outcome = output_.wait_for(ended.get(), kFilesLimit);
      if (!outcome) {
        throw Unavailable("the window's files were not written within " + std::to_string(kFilesLimit.count()) + " s");
      }
      if (!outcome->errors.empty()) {
        throw Error(outcome->errors.front());
      }
      return *outcome;
    } catch (const std::future_error&) {
      throw Unavailable("the run has ended");
    }
  }

  // Every attachment of a chain has the same rules and sets; the first one speaks for all.
  EnforcingProgram enforcing_program(Chain chain) const {
    for (const auto& attachment : analysis_.monitor().attachments()) {
      const AttachmentRecord& record = programs_.record(*attachment);
      if (!attachment->ended() && chain_of(record.hook) == chain && attachment->program().firewall() != nullptr) {
        return {attachment->name().text(), record.program_id, record.hook, record.mode};
      }
    }
    throw not_enforced(chain);
  }

  std::vector<std::string> port_names() const {
    std::vector<std::string> names;
    names.reserve(ports_.size());
    for (const auto& port : ports_) {
      names.push_back(port->interface().name);
    }
    return names;
  }

  RunStatus status(const RunFirewall& run) {
    RunStatus status;
    status.firewall = firewall_ != nullptr;
    status.enforced = run.enforced();
    status.summary = run.summary();
    auto [outages, ports, settings] =
        loop_.calls().call([this] { return std::tuple(programs_.outages(), port_names(), settings_); });
    status.configuration = std::move(settings);
    status.user_programs = user_programs_.on(ports);
    for (const Outage& outage : outages) {
      status.outages.push_back(
          {outage.interface, outage.hook, outage.mode, outage.reason, static_cast<std::uint64_t>(outage.since_ns)});
    }
    for (const UserPrograms::Off& off : user_programs_.off(ports)) {
      const UserProgram& program = off.program;
      status.outages.push_back({program.interface, program.hook, program.mode,
                                "'" + program.name + "' of your own; nicsentry programs load puts it there again",
                                static_cast<std::uint64_t>(off.since_ns), program.name});
    }
    status.windows_lost = output_.windows_lost();
    if (text_ended_) {
      status.ended_outputs.emplace_back("standard output");
    }
    return status;
  }

  RunMetrics run_metrics() {
    const VersionInfo info = version_info();
    return {{info.version, info.commit, std::to_string(info.program_abi), std::to_string(info.state_format)},
            [this] { return meters_->figures(); },
            [this] { return live_figures(); },
            [this] {
              const std::lock_guard lock(metrics_mutex_);
              return port_names_;
            }};
  }

  // Readers at the same time share a look at the loop's state.
  LiveFigures live_figures() {
    const std::lock_guard lock(live_mutex_);
    const auto now = EventLoop::Clock::now();
    if (now - live_taken_ >= kLiveFiguresAge) {
      live_ = loop_.calls().call([this] { return take_live_figures(); }, kLiveFiguresLimit);
      live_taken_ = now;
    }
    return live_;
  }

  LiveFigures take_live_figures() const {
    LiveFigures figures;
    for (const auto& attachment : analysis_.monitor().attachments()) {
      const AttachmentName& name = attachment->name();
      const Room room = attachment->room();
      figures.attachments.push_back({name.interface, name.hook, name.mode, !attachment->ended(), room.capacity,
                                     room.free, static_cast<double>(attachment->sampling_rate()) / CONFIG_SHARE_ALL});
    }
    for (const Outage& outage : programs_.outages()) {
      figures.attachments.push_back({outage.interface, outage.hook, outage.mode, false, 0, 0, 0});
    }
    if (analysis_.monitor().tracks_connections()) {
      const ConnectionCounts counts = analysis_.monitor().connection_counts();
      figures.connections = {counts.by_state, counts.state_latency.durations, counts.state_latency.waited};
    }
    return figures;
  }

  void note_port_names() {
    const std::lock_guard lock(metrics_mutex_);
    port_names_ = port_names();
  }

  ConnectionsSnapshot connections() const {
    if (!analysis_.monitor().tracks_connections()) {
      throw Conflict(
          "connections are not tracked: the run has no firewall (start it with: nicsentry run -i PORT --firewall)");
    }
    return analysis_.monitor().connections();
  }

  const Port* port_of(const Attachment& attachment) const {
    const auto found = std::find_if(ports_.begin(), ports_.end(), [&attachment](const auto& port) {
      return port->interface().name == attachment.name().interface;
    });
    return found != ports_.end() ? found->get() : nullptr;
  }

  // A rule may ask for the state of a connection: every program that has a firewall, also one whose rules are not ours.
  void track_connections() {
    bool any = false;
    for (const auto& attachment : analysis_.monitor().attachments()) {
      const FirewallMaps* maps = attachment->program().firewall();
      any = any || maps != nullptr;
      if (maps != nullptr && !firewall_ && (maps->read_control().config & FIREWALL_ON) != 0) {
        messages_.warning(attachment->name().text() +
                          ": its firewall stays in force as it was left; with --state or "
                          "--rules this run would have it in charge");
        enforces_as_left_[port_of(*attachment)].insert(programs_.record(*attachment).hook);
      } else if (maps != nullptr && !firewall_) {
        messages_.info(attachment->name().text() +
                       ": its firewall stays idle, and nothing is enforced: this run has none (--firewall, --rules or "
                       "--state)");
      }
    }
    if (any) {
      analysis_.track_connections(options_.lifetimes);
      take_standing_connections(analysis_, messages_.warning);
    }
  }

  void start_attachments() {
    const FingerprintKeys keys =
        random_keys();  // one for all: a session has one fingerprint, by which answers are expected
    unsigned attachments = 0;
    for (const auto& port : ports_) {
      attachments += static_cast<unsigned>(port->programs().size());
    }
    for (const auto& port : ports_) {
      port->record(getpid(), socket_path_);
      for (auto& opened : port->programs()) {
        const auto make = opened.adopted ? Attachment::adopt : Attachment::fresh;
        auto attachment = make({port->interface().name, hook_name(opened.record.hook), mode_name(opened.record.mode)},
                               std::move(opened.program),
                               {options_.port.sessions.value_or(kDefaultSessions), keys, std::nullopt,
                                options_.port.vlans, attachments, options_.cut_frames});
        if (const auto caution = attachment->reader().small_rings()) {
          messages_.warning(attachment->name().text() + ": " + *caution);
        }
        programs_.add(analysis_.add_attachment(std::move(attachment)), *port, opened.record);
      }
      messages_.info(port->how());
      if (!port->caution().empty()) messages_.warning(port->caution());
    }
    if (const auto caution = one_way_caution(options_)) {
      messages_.warning(*caution);
    } else if (!options_.port.both_directions) {
      messages_.info("only what comes in is counted; --direction both adds what goes out");
    }
    track_connections();
    analysis_.start();
  }

  void take_window(WindowReport report) {
    const std::uint64_t number = report.number;
    report.outages = programs_.take_outages();
    report.user_programs = user_programs_.on(port_names());
    output_.publish(std::move(report));
    if ((options_.windows != 0 && number + 1 >= options_.windows) || analysis_.monitor().attachments().empty()) {
      loop_.stop();
    }
  }

  void write_record(const std::string& record) {
    if (feed_->wanted(EventKind::log)) {
      feed_->publish(EventKind::log, record);
    }
    packet_log_ ? packet_log_->offer(record) : log_(record);
  }

  void report_log() {
    logged_.report_left_out();
    if (packet_log_) {
      packet_log_->retry();
      packet_log_->report_losses();
    }
  }

  void look_for_signals() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
      if (info.ssi_signo == SIGHUP) {
        reopen_files();
      } else {
        stop_after_window();
      }
    }
  }

  // Files of windows are opened by their names each time.
  void reopen_files() {
    service_manager_.reloading();
    if (packet_log_) {
      packet_log_->reopen();
    }
    if (tcp_api_) {
      tcp_api_->reload();
    }
    messages_.info("SIGHUP: files that were moved away are to be made anew, and the options are read again");
    reload_.begin(firewall_.get(), [this](const DaemonOptions& fresh) {
      loop_.calls().post([this, settings = fresh.settings, rate = fresh.log_rate] {
        settings_ = settings;
        logged_.set_rate(rate);
        if (!stopping_) service_manager_.ready(state_line());
      });
    });
  }

  // The run ends with the window that this closes.
  void stop_after_window() {
    if (!std::exchange(stopping_, true)) {
      service_manager_.stopping();
      analysis_.end_window([this](std::uint64_t) { loop_.stop(); });
    }
  }

  // A program that its hook does not run any more. No change may count as in force there from now on.
  void lose(const Attachment& attachment, const std::string& reason) {
    const bool enforced = firewall_ && attachment.program().firewall() != nullptr;
    analysis_.end_attachment(
        attachment, reason +
                        (enforced ? "; nothing is enforced on " + attachment.name().text() + " (" +
                                        chain_name(chain_of(programs_.record(attachment).hook)) + ") from now on"
                                  : "") +
                        "; what was counted until then is in this window");
    keep_enforcing();
  }

  // An attachment that failed is driven no more; its program may still be on its hook.
  void note_failure(const Monitor::Failure& failure) {
    for (const auto& attachment : analysis_.monitor().attachments()) {
      if (attachment->name().text() == failure.attachment) {
        programs_.note_failure(*attachment, failure.reason, wall_clock_ns());
      }
    }
    keep_enforcing();
  }

  // For the service manager: "eth0/xdp (drv), eth0/tc-egress (tc): the firewall is in force".
  std::string state_line() const {
    std::string driven;
    std::string lost;
    for (const auto& attachment : analysis_.monitor().attachments()) {
      std::string& list = attachment->ended() ? lost : driven;
      list += (list.empty() ? "" : ", ") + attachment->name().text() + " (" + attachment->name().mode + ")";
    }
    const std::string what = firewall_ ? "the firewall is in force" : "watched";
    return (driven.empty() ? "" : driven + ": " + what) + (driven.empty() || lost.empty() ? "" : "; ") +
           (lost.empty() ? "" : lost + ": no longer driven");
  }

  void keep_enforcing() {
    service_manager_.status(state_line());
    if (firewall_) {
      std::vector<const FirewallMaps*> kept;
      for (const auto& attachment : analysis_.monitor().attachments()) {
        if (!attachment->ended()) {
          kept.push_back(attachment->program().firewall());
        }
      }
      firewall_->keep_attachments(kept);
    }
  }

  void forget_dropped_attachments() {
    if (programs_.keep(analysis_.monitor().attachments())) {
      keep_enforcing();
    }
  }

  // A run starts without it, too.
  void tidy_records() {
    try {
      remove_vanished_records();
    } catch (const std::exception& error) {
      messages_.warning(std::string("the records of ports of network namespaces that are gone stay: ") + error.what());
    }
  }

  // An error here must not end what is enforced: the ports are left as they are then.
  template <typename Act>
  void attempt(Act act) {
    try {
      act();
    } catch (const std::exception& error) {
      messages_.error(std::string("the run ends by an error: ") + error.what());
      failed_ = true;
      leave_attached_ = leave_attached_ || firewall_ != nullptr;
    }
  }

  void report_unsaved() {
    if (const auto unsaved = firewall_ ? firewall_->unsaved() : std::nullopt) {
      messages_.error("the run ends, and its state directory does not have all that was in force: " + *unsaved);
      failed_ = true;
    }
  }

  // As they were found, but for what goes on enforcing.
  void leave_ports() {
    for (const auto& port : ports_) {
      try {
        leave_port(*port);
      } catch (const Error& error) {
        messages_.error(error.what());
        failed_ = true;
        if (firewall_) messages_.warning(still_enforcing(port->interface().name));
      }
    }
  }

  void leave_port(Port& port) {
    const std::string& name = port.interface().name;
    const std::set<Hook>& as_left = enforces_as_left_[&port];
    std::vector<Hook> staying = leave_attached_ ? port.leave_attached() : port.restore(as_left);
    if (!firewall_) {
      if (as_left.empty()) {
        return;
      }
      std::erase_if(staying, [&as_left](Hook hook) { return !as_left.contains(hook); });
    }
    if (staying.empty()) {
      messages_.warning("nothing is enforced on " + name + " from now on");
    }
    for (const Hook hook : staying) {
      std::string text = name + "/" + hook_name(hook);
      text += ": the program stays and goes on enforcing what it has; take it off with: nicsentry detach -i ";
      text += name;
      messages_.warning(text);
    }
  }

  // Whoever waits for the loop or for a window gets an error, so that the server's threads end.
  void end_requests() {
    loop_.calls().close();
    reload_.wait();
    analysis_.forget_requests();
    output_.forget_waiting();
    feed_->close();
    if (live_view_) live_view_->close();
    tcp_api_.reset();
    server_.reset();
  }

  const DaemonOptions& options_;
  const Messages& messages_;
  const std::function<void(const std::string&)>& log_;
  const std::shared_ptr<RunMeters> meters_;
  const std::shared_ptr<EventFeed> feed_;
  std::mutex metrics_mutex_;
  std::vector<std::string> port_names_;
  std::mutex live_mutex_;  // held while the loop is asked
  LiveFigures live_;
  EventLoop::Clock::time_point live_taken_{};
  LoggedPackets logged_;
  EventLoop loop_;
  std::vector<config::Setting> settings_;  // as they hold now
  Reload reload_;
  std::unique_ptr<Firewall> firewall_;
  Ports ports_;
  ReportOutput output_;
  LiveAnalysis analysis_;
  std::unique_ptr<PacketLog> packet_log_;
  UniqueFd signals_;
  ProgramKeeper programs_;
  UserPrograms user_programs_;
  ServiceManager service_manager_;
  bool leave_attached_;
  std::map<const Port*, std::set<Hook>> enforces_as_left_;  // with a firewall that this run only found
  std::string socket_path_;
  Router router_;
  std::unique_ptr<LiveView> live_view_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<TcpApi> tcp_api_;
  std::atomic<EventLoop::Clock::rep> turned_{EventLoop::Clock::now().time_since_epoch().count()};
  std::atomic<bool> text_ended_ = false;  // nobody reads standard output any more
  bool stopping_ = false;                 // a signal came
  bool failed_ = false;
};

}  // namespace

DaemonResult run_daemon(const DaemonOptions& options, const ReportOutputOptions& output, const Messages& messages,
                        const std::function<void(const std::string&)>& log) {
  check_listen_files(options.listen);
  const auto meters = std::make_shared<RunMeters>();
  const auto feed = std::make_shared<EventFeed>();
  const Messages counted = count_messages(messages, meters, feed);
  Daemon daemon(options, output, counted, log, meters, feed);
  return daemon.run();
}

}  // namespace nicsentry
