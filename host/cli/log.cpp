// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <set>
#include <utility>

#include "host/base/error.h"
#include "host/base/wall_clock.h"
#include "host/cli/journal_socket.h"
#include "host/cli/log_entry.h"
#include "host/export/stream/line_stream.h"
#include "host/run/subscriber.h"

namespace nicsentry {
namespace {

constexpr std::size_t kMessagesWaiting = 4096;
constexpr std::size_t kBytesWaiting = std::size_t{4} << 20;

bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && fstat(STDERR_FILENO, &status) == 0 && names_stream(stream, status.st_dev, status.st_ino);
}

// The log of this process: where entries go, and in which form.
class Log {
 public:
  using Write = std::function<void(const LogEntry&)>;

  void set_up(const LogSettings& settings) {
    const std::lock_guard lock(mutex_);
    quiet_ = settings.quiet;
    format_ = settings.format;
    if (format_ == LogFormat::automatic) {
      format_ = stderr_is_journal() ? LogFormat::journal : LogFormat::plain;
    }
    ports_ = std::set<std::string>(settings.ports.begin(), settings.ports.end());
    coloured_ = isatty(STDERR_FILENO) != 0;
  }

  void set_quiet(bool quiet) { quiet_ = quiet; }

  void message(LogLevel level, const std::string& text) {
    if (level != LogLevel::info || !quiet_) {
      write(message_entry(level, text, ports_));
    }
  }
  void packet(const std::string& record) { write(packet_entry(record)); }

  // Where entries go from now on; none: out at once.
  void set_write(Write write) {
    const std::lock_guard lock(mutex_);
    write_ = std::move(write);
  }

  LogFormat format() const { return format_; }

  // The entry as standard error has it.
  std::string line(const LogEntry& entry) const {
    if (format_ == LogFormat::json) {
      return json_line(entry, wall_clock_ns());
    }
    std::string text = plain_line(entry);
    if (coloured_) {
      colour(text, entry.level);
    }
    return text;
  }

 private:
  // The level's name is green, yellow or red.
  static void colour(std::string& text, LogLevel level) {
    const std::size_t begin = text.find(": ") + 2;
    const std::size_t end = text.find(':', begin);
    text.insert(end, "\033[m");
    text.insert(begin, level == LogLevel::info      ? "\033[32m"
                       : level == LogLevel::warning ? "\033[33m\033[1m"
                                                    : "\033[31m\033[1m");
  }

  void write(const LogEntry& entry) {
    const std::lock_guard lock(mutex_);
    if (write_) {
      write_(entry);
    } else if (format_ == LogFormat::journal) {
      JournalSocket().send(entry);
    } else {
      std::fputs(line(entry).c_str(), stderr);
    }
  }

  std::mutex mutex_;
  std::atomic<bool> quiet_ = false;
  LogFormat format_ = LogFormat::plain;
  std::set<std::string> ports_;
  bool coloured_ = false;
  Write write_;
};

Log& the_log() {
  static Log log;
  return log;
}

QueueLimits log_limits() {
  QueueLimits limits;
  limits.items = kMessagesWaiting;
  limits.bytes = kBytesWaiting;
  return limits;
}

std::string lost_text(std::uint64_t lost) { return std::to_string(lost) + " messages were lost here"; }

}  // namespace

// Entries to journald, on a thread of their own.
class JournalQueue {
 public:
  JournalQueue()
      : state_(std::make_shared<State>()),
        subscriber_(
            "journal", log_limits(), [state = state_](const auto& entry) { state->send(*entry); },
            [state = state_](const auto&) { ++state->lost; }) {}

  void offer(const LogEntry& entry) { subscriber_.offer(std::make_shared<const LogEntry>(entry), entry.text.size()); }
  void close() { subscriber_.close(); }

 private:
  struct State {
    void send(const LogEntry& entry) {
      if (const std::uint64_t count = lost.exchange(0); count != 0) {
        socket.send(message_entry(LogLevel::warning, lost_text(count), {}));
      }
      socket.send(entry);
    }

    JournalSocket socket;
    std::atomic<std::uint64_t> lost = 0;
  };
  std::shared_ptr<State> state_;
  Subscriber<LogEntry> subscriber_;
};

struct LogQueue::State {
  State() {
    if (the_log().format() == LogFormat::journal) {
      journal = std::make_unique<JournalQueue>();
    } else {
      stream = std::make_unique<LineStream>("standard error", STDERR_FILENO, log_limits(), [](std::uint64_t lost) {
        return the_log().line(message_entry(LogLevel::warning, lost_text(lost), {}));
      });
    }
  }

  void offer(const LogEntry& entry) const {
    if (journal) {
      journal->offer(entry);
    } else {
      stream->offer(the_log().line(entry));
    }
  }

  void close() const { journal ? journal->close() : static_cast<void>(stream->close()); }

  std::unique_ptr<JournalQueue> journal;
  std::unique_ptr<LineStream> stream;
};

LogQueue::LogQueue() : state_(std::make_unique<State>()) {
  the_log().set_write([state = state_.get()](const LogEntry& entry) { state->offer(entry); });
}

LogQueue::~LogQueue() {
  the_log().set_write({});
  state_->close();
}

LogFormat parse_log_format(const std::string& name) {
  for (const auto& [word, format] : {std::pair("auto", LogFormat::automatic), std::pair("plain", LogFormat::plain),
                                     std::pair("json", LogFormat::json), std::pair("journal", LogFormat::journal)}) {
    if (name == word) {
      return format;
    }
  }
  throw Error("'" + name + "': allowed is auto, plain, json or journal");
}

void set_up_log(const LogSettings& settings) { the_log().set_up(settings); }
void set_log_level(bool quiet) { the_log().set_quiet(quiet); }
void log_packet(const std::string& text) { the_log().packet(text); }
void log_info(const std::string& text) { the_log().message(LogLevel::info, text); }
void log_warning(const std::string& text) { the_log().message(LogLevel::warning, text); }
void log_error(const std::string& text) { the_log().message(LogLevel::error, text); }

Messages log_messages() { return {log_info, log_warning, log_error}; }

}  // namespace nicsentry
