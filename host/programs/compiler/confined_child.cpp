// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/compiler/confined_child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "host/base/capabilities.h"
#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/programs/compiler/confinement.h"

namespace nicsentry::programs {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kWhat = "confining the compiler";
// The capabilities that root needs: others are confined within a user namespace.
constexpr auto kNeeded = {Capability::sys_admin, Capability::sys_chroot, Capability::setuid, Capability::setgid};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw SystemError(errno, kWhat);
  }
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// A file in memory, so that nobody has to write while the child reads.
UniqueFd input_file(const std::string& text) {
  UniqueFd file(memfd_create("input", MFD_CLOEXEC));
  std::size_t written = 0;
  while (file && written < text.size()) {
    const ssize_t now = write(file.get(), text.data() + written, text.size() - written);
    if (now <= 0) {
      break;
    }
    written += static_cast<std::size_t>(now);
  }
  if (!file || written != text.size() || lseek(file.get(), 0, SEEK_SET) != 0) {
    throw SystemError(errno, kWhat);
  }
  return file;
}

// The child between fork() and its end. Only system calls.
[[noreturn]] void become(const Confinement& confinement, const ChildLimits& limits, const char* program,
                         char* const* arguments, int input, int output, int messages, int report) {
  std::array<char, 16> path = {"PATH=/usr/bin"};
  std::array<char, 16> language = {"LC_ALL=C"};
  std::array<char*, 3> environment = {path.data(), language.data(), nullptr};
  ConfinementFailure failure;
  setsid();
  if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 || dup2(messages, STDERR_FILENO) < 0 ||
      close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    failure.code = errno;
  } else {
    failure = confine(confinement, limits);
  }
  if (failure.code == 0) {
    execve(program, arguments, environment.data());
    failure.code = errno;
    std::strncpy(failure.step, "starting it", sizeof(failure.step) - 1);
  }
  [[maybe_unused]] const ssize_t told = write(report, &failure, sizeof(failure));
  _exit(127);
}

class Child {
 public:
  explicit Child(const ConfinedCommand& command) : limits_(command.limits) {
    const Confinement confinement = prepare_confinement(command);
    const UniqueFd input = input_file(command.input);
    Pipe output = make_pipe();
    Pipe messages = make_pipe();
    Pipe report = make_pipe();
    std::vector<std::string> words = {command.program.string()};
    words.insert(words.end(), command.arguments.begin(), command.arguments.end());
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) {
      arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ < 0) {
      throw SystemError(errno, kWhat);
    }
    if (pid_ == 0) {
      become(confinement, limits_, words.front().c_str(), arguments.data(), input.get(), output.write.get(),
             messages.write.get(), report.write.get());
    }
    output_ = std::move(output.read);
    messages_ = std::move(messages.read);
    report.write = UniqueFd();
    ConfinementFailure failure;
    if (read(report.read.get(), &failure, sizeof(failure)) == sizeof(failure)) {  // the pipe ends where it starts
      end();
      throw SystemError(failure.code, std::string(kWhat) + " (" + failure.step + ")",
                        failure.code == EPERM ? missing_text(kNeeded) : "");
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }

  ChildOutput wait() {
    ChildOutput result;
    const Clock::time_point end_at = Clock::now() + limits_.time;
    std::array<pollfd, 2> streams = {{{output_.get(), POLLIN, 0}, {messages_.get(), POLLIN, 0}}};
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end_at - Clock::now()).count();
      if (left <= 0 || poll(streams.data(), streams.size(), static_cast<int>(left)) == 0) {
        result.failure = "it took longer than " + std::to_string(limits_.time.count()) + " s";
        break;
      }
      if (!take(streams[0], result.output, limits_.output) || !take(streams[1], result.messages, limits_.messages)) {
        result.failure = "its output is longer than allowed";
        break;
      }
    }
    const int status = end();
    if (result.failure.empty()) {
      result.succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
      result.failure = result.succeeded ? "" : ending(status);
    }
    return result;
  }

 private:
  // False where there is more than allowed.
  static bool take(pollfd& stream, std::string& into, std::size_t limit) {
    if (stream.fd < 0 || stream.revents == 0) {
      return true;
    }
    std::array<char, 65536> buffer;
    const ssize_t count = read(stream.fd, buffer.data(), buffer.size());
    if (count <= 0) {
      stream.fd = -1;
      return true;
    }
    into.append(buffer.data(), static_cast<std::size_t>(count));
    return into.size() <= limit;
  }

  std::string ending(int status) const {
    if (WIFEXITED(status)) {
      return "exit status " + std::to_string(WEXITSTATUS(status));
    }
    const int signal = WTERMSIG(status);
    if (signal == SIGXCPU || signal == SIGKILL) {
      return "it took longer than " + std::to_string(limits_.processor.count()) + " s of the processor";
    }
    return "signal " + std::to_string(signal) + "; it may have needed more than " +
           std::to_string(limits_.memory >> 20) + " MiB";
  }

  // Ends it and all that it started, and returns its status.
  int end() {
    int status = 0;
    if (pid_ > 0) {
      if (waitpid(pid_, &status, ended_itself() ? 0 : WNOHANG) == 0) {
        kill(-pid_, SIGKILL);
        kill(pid_, SIGKILL);
        waitpid(pid_, &status, 0);
      }
      pid_ = -1;
    }
    return status;
  }

  // Whether it has closed both streams: then its end is near.
  bool ended_itself() const {
    std::array<pollfd, 2> streams = {{{output_.get(), 0, 0}, {messages_.get(), 0, 0}}};
    return poll(streams.data(), streams.size(), 0) == 2 && (streams[0].revents & POLLHUP) != 0 &&
           (streams[1].revents & POLLHUP) != 0;
  }

  ChildLimits limits_;
  pid_t pid_ = -1;
  UniqueFd output_;
  UniqueFd messages_;
};

}  // namespace

ChildOutput run_confined(const ConfinedCommand& command) { return Child(command).wait(); }

}  // namespace nicsentry::programs
