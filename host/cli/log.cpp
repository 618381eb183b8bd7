// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <mutex>
#include <utility>
#include <vector>

#include "host/export/stream/line_stream.h"

namespace nicsentry {
namespace {

constexpr const char* kName = "nicsentry";
constexpr const char* kPattern = "nicsentry: %^%l%$: %v";
constexpr std::size_t kMessagesWaiting = 4096;
constexpr std::size_t kBytesWaiting = std::size_t{4} << 20;

// The records of packets have a logger of their own: the default one may be quiet.
std::shared_ptr<spdlog::logger>& record_logger() {
  static std::shared_ptr<spdlog::logger> logger;
  return logger;
}

void set_sink(const spdlog::sink_ptr& sink) {
  sink->set_pattern(kPattern);
  spdlog::default_logger()->sinks() = {sink};
  record_logger()->sinks() = {sink};
}

QueueLimits log_limits() {
  QueueLimits limits;
  limits.items = kMessagesWaiting;
  limits.bytes = kBytesWaiting;
  return limits;
}

// Colours as spdlog's own sink for terminals has them.
const char* colour_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::info:
      return "\033[32m";
    case spdlog::level::warn:
      return "\033[33m\033[1m";
    default:
      return "\033[31m\033[1m";
  }
}

class QueueSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit QueueSink(LineStream& stream) : stream_(stream), coloured_(isatty(STDERR_FILENO) != 0) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t formatted;
    formatter_->format(message, formatted);
    std::string text(formatted.data(), formatted.size());
    if (coloured_ && message.color_range_end > message.color_range_start) {
      text.insert(message.color_range_end, "\033[m");
      text.insert(message.color_range_start, colour_of(message.level));
    }
    stream_.offer(std::move(text));
  }
  void flush_() override {}

 private:
  LineStream& stream_;
  bool coloured_;
};

}  // namespace

struct LogQueue::State {
  LineStream stream{"standard error", STDERR_FILENO, log_limits(), [](std::uint64_t lost) {
                      return "nicsentry: warning: " + std::to_string(lost) + " messages were lost here\n";
                    }};
};

LogQueue::LogQueue() : state_(std::make_unique<State>()) { set_sink(std::make_shared<QueueSink>(state_->stream)); }

LogQueue::~LogQueue() {
  set_sink(std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  state_->stream.close();
}

void set_up_log(bool quiet) {
  const auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>(kName, sink);
  record_logger() = std::make_shared<spdlog::logger>("records", sink);
  logger->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  sink->set_pattern(kPattern);
}

void log_packet(const std::string& text) { record_logger()->info("log: {}", text); }
void log_info(const std::string& text) { spdlog::info("{}", text); }
void log_warning(const std::string& text) { spdlog::warn("{}", text); }
void log_error(const std::string& text) { spdlog::error("{}", text); }

Messages log_messages() { return {log_info, log_warning, log_error}; }

}  // namespace nicsentry
