// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/app/replay.h"
#include "host/base/error.h"
#include "host/cli/commands.h"
#include "host/cli/duration.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/cli/window_options.h"
#include "host/ports/port.h"

namespace nicsentry {
namespace {

constexpr std::chrono::milliseconds kShortestReplayWindow{1};

struct ReplayCommandOptions {
  std::vector<std::filesystem::path> captures;
  std::uint32_t sessions = kDefaultSessions;
  bool cut_frames = false;
  bool dedup = false;
  bool vlan = false;
  WindowOptions window;
};

// A bar on the terminal, while stderr is one. Any thread: tables are printed by another one.
class Progress {
 public:
  explicit Progress(bool wanted) : shown_(wanted && isatty(STDERR_FILENO) != 0) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::uint64_t done, std::uint64_t all) {
    const std::lock_guard lock(mutex_);
    if (!shown_ || all == 0) {
      return;
    }
    constexpr std::uint64_t kWidth = 40;
    const std::uint64_t filled = std::min(kWidth, kWidth * done / all);
    const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, ' ');
    std::fprintf(stderr, "\r[%s] %3llu %%", bar.c_str(),
                 static_cast<unsigned long long>(std::min(done, all) * 100 / all));
    drawn_ = true;
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    if (drawn_) {
      std::fputs("\r\033[K", stderr);
      drawn_ = false;
    }
  }

 private:
  std::mutex mutex_;
  bool shown_;
  bool drawn_ = false;
};

std::string counted(std::uint64_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void print_summary(const ReplaySummary& summary, const WindowOptions& options) {
  if (options.json) {
    nlohmann::ordered_json replayed{{"packets", summary.packets},
                                    {"sessions", summary.sessions},
                                    {"windows", summary.windows},
                                    {"packets_left_out", summary.copies},
                                    {"packets_out_of_order", summary.out_of_order.packets},
                                    {"failures", summary.failures}};
    const nlohmann::ordered_json line{{"replay", std::move(replayed)}};
    std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
    return;
  }
  const bool nothing_read = summary.packets == 0 && !summary.failures.empty();
  if (!options.quiet && !nothing_read) {
    const std::string copies = summary.copies == 0 ? "" : ", " + counted(summary.copies, "copied packet") + " left out";
    const std::string text = counted(summary.sessions, "session") + ", " + counted(summary.packets, "packet") + ", " +
                             counted(summary.windows, "window") + copies;
    options.stream.empty() ? static_cast<void>(std::printf("%s\n", text.c_str())) : log_info(text);
  }
}

// Captures of the same time are open together: as many as the hard limit allows.
void allow_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);  // without it the end names the captures that could not be opened
}

int run(const ReplayCommandOptions& options) {
  set_up_log(options.window.quiet);
  warn_of_vain_options(options.window);
  allow_open_files();
  ReplayOptions replayed;
  replayed.captures = options.captures;
  replayed.profile = options.window.profile.empty() ? Profile::all : parse_profile(options.window.profile);
  replayed.window = options.window.window == kAllInOneWindow
                        ? kWholeCapture
                        : parse_duration(options.window.window, kShortestReplayWindow);
  replayed.cut_frames = options.cut_frames ? CutFrames::by_ip_length : CutFrames::truncated;
  replayed.copies = options.dedup ? Copies::left_out : Copies::counted;
  replayed.vlans = options.vlan ? Vlans::part_of_sessions : Vlans::ignored;
  replayed.cap = options.window.cap;
  replayed.sessions = options.sessions;
  Progress progress(!options.window.quiet);
  ReportOutputOptions output = output_options(options.window);
  output.wait_when_full = true;
  output.before_text = [&progress] { progress.clear(); };
  ReportOutput reports(output, replayed.profile, log_messages());
  const ReplaySummary summary = replay(
      replayed, [&reports](WindowReport report) { reports.publish(std::move(report)); },
      [&progress](std::uint64_t done, std::uint64_t all) { progress.show(done, all); });
  const bool failed = !reports.close();
  progress.clear();
  print_summary(summary, options.window);
  if (summary.features_left_out != 0) {
    log_warning("windows captured too many packets: the features of " + std::to_string(summary.features_left_out) +
                " were not kept (a lower --cap, or a shorter --window)");
  }
  if (summary.out_of_order.packets != 0) {
    log_warning("time goes back: " + summary.out_of_order.first + "; " +
                counted(summary.out_of_order.packets, "packet") +
                " out of order; packets older than their window count at its start");
  }
  for (const std::string& failure : summary.failures) {
    log_error(failure);
  }
  return failed || !summary.failures.empty() ? kExitFailure : kExitSuccess;
}

}  // namespace

void add_replay_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ReplayCommandOptions>();
  CLI::App* command = app.add_subcommand("replay", "send captures through the program in the kernel");
  command
      ->add_option("CAPTURE", options->captures,
                   "pcap or pcapng files, also of gzip or zstd, or directories of them, merged by time; -: stdin")
      ->required();
  command->add_option("--sessions", options->sessions, "sessions that the maps hold")
      ->check(whole_number(1, UINT32_MAX))
      ->capture_default_str();
  command->add_flag("--cut-frames", options->cut_frames,
                    "count a frame that is shorter than its IP length says by that length (a mirror cuts packets)");
  command->add_flag("--dedup", options->dedup,
                    "count a packet that a mirror copied once: the same headers within 100 us");
  command->add_flag("--vlan", options->vlan,
                    "packets of different VLANs are of different sessions; rows show the VLAN");
  add_window_options(*command, options->window, kShortestReplayWindow, WindowLengths::durations_or_all);
  command->footer(
      "Examples:\n"
      "  nicsentry replay capture.pcap\n"
      "  nicsentry replay capture.pcap --by src --top 20\n"
      "  nicsentry replay captures/ more.pcapng.zst --window all\n"
      "  nicsentry replay capture.pcap --filter 'dst port 443 and not net 10.0.0.0/8'\n"
      "  ssh host tcpdump -w - -U | nicsentry replay -\n"
      "  nicsentry replay capture.pcap --profile crypto --window 60s --cap 0 --format seed-csv -o /tmp/out");
  command->callback([options, &chosen] {
    check_window_options(options->window);
    chosen = [options] { return run(*options); };
  });
}

}  // namespace nicsentry
