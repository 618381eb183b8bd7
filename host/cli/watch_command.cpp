// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "host/api/client/controller.h"
#include "host/base/rfc3339.h"
#include "host/cli/commands.h"
#include "host/cli/duration.h"
#include "host/cli/live_options.h"
#include "host/cli/log.h"
#include "host/cli/number_of.h"
#include "host/cli/option_checks.h"
#include "host/export/files/table.h"

namespace nicsentry {
namespace {

constexpr std::chrono::milliseconds kShortestTick{100};
constexpr std::size_t kSampleSeconds = 3;  // within which an attachment's last sample is looked for

struct WatchOptions : LiveOptions {
  std::string every = "1s";
  std::uint64_t count = 0;  // 0: until it is ended
};

// The last second of an attachment; zeros where it has no sample yet.
struct LastSecond {
  const AttachmentTraffic* attachment;
  TrafficSample sample;
};

std::vector<LastSecond> last_seconds(const TrafficAnswer& traffic) {
  std::vector<LastSecond> seconds;
  for (const AttachmentTraffic& attachment : traffic.attachments) {
    seconds.push_back({&attachment, attachment.samples.empty() ? TrafficSample() : attachment.samples.back()});
  }
  return seconds;
}

std::string json_of_tick(const SessionsAnswer& answer, const std::vector<LastSecond>& seconds) {
  constexpr std::uint64_t kBits = 8;
  nlohmann::ordered_json line = encode(answer);
  line["attachments"] = nlohmann::ordered_json::array();
  for (const LastSecond& second : seconds) {
    line["attachments"].push_back({{"interface", second.attachment->interface},
                                   {"hook", second.attachment->hook},
                                   {"mode", second.attachment->mode},
                                   {"packets_per_second", second.sample.in.packets},
                                   {"bits_per_second", kBits * second.sample.in.bytes},
                                   {"dropped_per_second", second.sample.dropped.packets},
                                   {"lost_events_per_second", second.sample.lost_events}});
  }
  return printed_json(line);
}

std::string line_of_tick(const SessionsAnswer& answer, const std::vector<LastSecond>& seconds) {
  constexpr std::size_t kToSeconds = 19;  // of "2026-05-01T12:00:00.000000042Z"
  std::string line = rfc3339(answer.time_ns).substr(0, kToSeconds) + "Z  " +
                     number_of(answer.sums.sessions, "session", "sessions") + ", " +
                     table_rate_text(answer.sums.rate.packets_per_second) + " packets/s, " +
                     table_rate_text(answer.sums.rate.bits_per_second) + " bits/s";
  for (const LastSecond& second : seconds) {
    line += "; " + second.attachment->interface + "/" + second.attachment->hook + " " +
            table_rate_text(static_cast<double>(second.sample.in.packets)) + " packets/s";
    if (second.sample.dropped.packets != 0) {
      line += ", " + table_rate_text(static_cast<double>(second.sample.dropped.packets)) + " dropped";
    }
  }
  return line;
}

int watch(const WatchOptions& options) {
  set_up_log(false);
  const Controller controller = Controller::of_port(options.interface);
  const auto every = parse_duration(options.every, kShortestTick);
  auto next = std::chrono::steady_clock::now();
  for (std::uint64_t tick = 0; options.count == 0 || tick < options.count; ++tick) {
    std::this_thread::sleep_until(next);
    next = std::max(next + every, std::chrono::steady_clock::now());
    const SessionsAnswer answer = controller.sessions(options.query);
    const TrafficAnswer traffic = controller.traffic(kSampleSeconds);
    const std::vector<LastSecond> seconds = last_seconds(traffic);
    const std::string line = options.json ? json_of_tick(answer, seconds) : line_of_tick(answer, seconds);
    if (std::printf("%s\n", line.c_str()) < 0 || std::fflush(stdout) != 0) {
      return kExitFailure;  // nobody reads any more
    }
  }
  return kExitSuccess;
}

}  // namespace

void add_watch_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<WatchOptions>();
  CLI::App* command = app.add_subcommand("watch", "what runs now, a line each second: sums, ports, and the first rows");
  add_live_options(*command, *options);
  command->add_option("--every", options->every, "time between two lines: 1s, 500ms, 1m")
      ->check(understood_by([](const std::string& text) { parse_duration(text, kShortestTick); }))
      ->capture_default_str();
  command->add_option("--count", options->count, "lines; 0: until the command is ended")
      ->check(whole_number(0))
      ->capture_default_str();
  command->add_flag("--json", options->json, "print each line as JSON, with the first rows");
  command->footer("Examples:\n  nicsentry watch\n  nicsentry watch --json --sort bits --limit 5 --count 10");
  command->callback([options, &chosen] {
    check_live_options(*options);
    chosen = [options] { return watch(*options); };
  });
}

}  // namespace nicsentry
