// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/background_run.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

#include "host/api/client/controller.h"
#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/base/unique_fd.h"
#include "host/ports/port_claim.h"

namespace nicsentry {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kLook = 20ms;
constexpr auto kStartLimit = 120s;  // a card takes its time to load programs
constexpr auto kEndLimit = 150s;    // the last window's files may take 100 s
constexpr ClientLimits kAnswerLimits{std::chrono::seconds(1), std::chrono::seconds(6)};
constexpr off_t kMostSaid = 4096;

std::filesystem::path up_record_path(const Interface& port) {
  return runtime_directory_to_drive() / ("up-" + std::to_string(network_namespace()) + "-" + port.name + ".json");
}

UniqueFd open_log(const std::filesystem::path& log) {
  std::error_code failure;
  std::filesystem::create_directories(log.parent_path(), failure);
  if (failure) {
    throw SystemError(failure.value(), "making the directory " + log.parent_path().string());
  }
  UniqueFd file(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!file) {
    throw SystemError(errno, "opening the log " + log.string());
  }
  return file;
}

// In the child, which may only call what is safe behind a fork.
[[noreturn]] void become(const std::vector<char*>& words, int log, int nothing) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (setsid() >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(nothing, STDOUT_FILENO) >= 0 &&
      dup2(log, STDERR_FILENO) >= 0 && chdir("/") == 0) {
    execv("/proc/self/exe", words.data());
  }
  constexpr int kNotStarted = 127;
  _exit(kNotStarted);
}

// Nobody would know of the run if its starter died before it wrote that down.
void wait_for_word(int from) {
  char word = 0;
  if (read(from, &word, 1) != 1) {
    constexpr int kNotWanted = 1;
    _exit(kNotWanted);
  }
}

bool answers(const Interface& port, int pid) {
  const auto found = read_port_record(port);
  if (!found || !found->running || found->record.pid != pid || found->record.socket.empty()) {
    return false;
  }
  try {
    Controller(found->record.socket, kAnswerLimits).status();
    return true;
  } catch (const Unavailable&) {
    return false;
  }
}

bool is_claimed(const Interface& port) {
  const auto found = read_port_record(port);
  return found && found->running;
}

// The end of the log behind `from`.
std::string said_since(const std::filesystem::path& log, off_t from) {
  const UniqueFd file(open(log.c_str(), O_RDONLY | O_CLOEXEC));
  const off_t end = file ? lseek(file.get(), 0, SEEK_END) : 0;
  from = std::max(from, end - kMostSaid);
  std::string text(static_cast<std::size_t>(std::max<off_t>(0, end - from)), '\0');
  const ssize_t got = file ? pread(file.get(), text.data(), text.size(), from) : 0;
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  while (text.ends_with('\n')) {
    text.pop_back();
  }
  return text;
}

}  // namespace

std::optional<UpRecord> read_up_record(const Interface& port) {
  const std::filesystem::path path = up_record_path(port);
  std::error_code none;
  if (!std::filesystem::exists(path, none)) {
    return std::nullopt;
  }
  const nlohmann::json read = read_json_file(path.string());
  try {
    UpRecord record;
    record.pid = read.at("pid").get<int>();
    record.unit = read.at("unit").get<std::string>();
    record.direction = read.at("direction").get<std::string>();
    record.log = read.at("log").get<std::string>();
    for (const std::string& name : read.at("found").get<std::vector<std::string>>()) {
      for (const Hook hook : {Hook::xdp, Hook::tc_ingress, Hook::tc_egress}) {
        if (name == hook_name(hook)) record.found.insert(hook);
      }
    }
    return record;
  } catch (const nlohmann::json::exception& error) {
    throw Error(path.string() + ": " + json_reason(error));
  }
}

void write_up_record(const Interface& port, const UpRecord& record) {
  nlohmann::ordered_json found = nlohmann::ordered_json::array();
  for (const Hook hook : record.found) {
    found.push_back(hook_name(hook));
  }
  PendingFile file(up_record_path(port), PendingFile::Kind::create, kModePrivate);
  file.write(nlohmann::ordered_json{{"pid", record.pid},
                                    {"unit", record.unit},
                                    {"direction", record.direction},
                                    {"log", record.log},
                                    {"found", found}}
                 .dump() +
             "\n");
  file.finish();
  file.publish();
}

void remove_up_record(const Interface& port) { remove_file(up_record_path(port)); }

int process_of_port(const Interface& port) {
  const auto found = read_port_record(port);
  return found && found->running ? found->record.pid : 0;
}

void start_in_background(const Interface& port, const std::vector<std::string>& words, const std::filesystem::path& log,
                         const std::function<void(int pid)>& record) {
  const UniqueFd file = open_log(log);
  const UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nothing) {
    throw SystemError(errno, "opening /dev/null");
  }
  const off_t from = lseek(file.get(), 0, SEEK_END);
  std::vector<std::string> copies = words;
  std::vector<char*> arguments;
  std::transform(copies.begin(), copies.end(), std::back_inserter(arguments),
                 [](std::string& one) { return one.data(); });
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw SystemError(errno, "making a pipe");
  }
  const UniqueFd told(ends[0]);
  UniqueFd tell(ends[1]);
  const pid_t child = fork();
  if (child < 0) {
    throw SystemError(errno, "starting a run in the background");
  }
  if (child == 0) {
    tell = UniqueFd();
    wait_for_word(told.get());
    become(arguments, file.get(), nothing.get());
  }
  try {
    record(child);
  } catch (...) {
    tell = UniqueFd();
    waitpid(child, nullptr, 0);
    throw;
  }
  if (write(tell.get(), "", 1) != 1) {
    throw SystemError(errno, "starting a run in the background");
  }
  const auto end = SteadyClock::now() + kStartLimit;
  while (!answers(port, child)) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) {
      throw Error(port.name + " did not come up: " + said_since(log, from));
    }
    if (SteadyClock::now() > end) {
      kill(child, SIGTERM);
      throw Error("ETIMEDOUT: " + port.name + " did not come up within " + std::to_string(kStartLimit.count()) +
                  " s; the run is ended; " + log.string() + " has its messages");
    }
    std::this_thread::sleep_for(kLook);
  }
}

void end_background_run(const Interface& port, int pid) {
  if (kill(pid, SIGTERM) != 0 && errno != ESRCH) {
    throw SystemError(errno, "ending process " + std::to_string(pid) + ", which watches " + port.name);
  }
  const auto end = SteadyClock::now() + kEndLimit;
  while (is_claimed(port)) {  // also while it leaves the port
    if (SteadyClock::now() > end) {
      throw Error("ETIMEDOUT: process " + std::to_string(pid) + " still watches " + port.name + " after " +
                  std::to_string(kEndLimit.count()) + " s");
    }
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace nicsentry
