// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/top.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/top/background.h"
#include "host/top/layout.h"
#include "host/top/run_client.h"
#include "host/top/screen.h"
#include "host/top/view.h"

namespace nicsentry::top {
namespace {

void require_terminal() {
  for (const auto& [fd, name] : {std::pair(STDIN_FILENO, "input"), std::pair(STDOUT_FILENO, "output")}) {
    if (isatty(fd) == 0) {
      throw Error(std::string("standard ") + name + " is no terminal; for lines of JSON: nicsentry watch --json");
    }
  }
}

UniqueFd signals_to_read() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGWINCH}) {
    sigaddset(&signals, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) {
    throw SystemError(errno, "setting up signals of the terminal");
  }
  return fd;
}

UniqueFd new_event() {
  UniqueFd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) {
    throw SystemError(errno, "setting up an eventfd");
  }
  return fd;
}

// The loop of keys, signals and answers. For the main thread.
class Session {
 public:
  Session(const TopOptions& options, RunClient client, Snapshot first)
      : view_({options.interface, options.lifetime, options.question}),
        signals_(signals_to_read()),
        answered_(new_event()),
        changes_(
            [changer = RunClient(options.interface), options](const Change& change,
                                                              const std::stop_token& stop) mutable {
              return changer.perform(change, options.block_for, options.terms, stop);
            },
            [this] { wake(); }),
        questions_(
            [asker = std::move(client)](const Question& question, const std::stop_token& stop) mutable {
              return asker.reply(question, stop);
            },
            [this] { wake(); }, options.every) {
    view_.take(options.question, std::move(first));
    questions_.ask(options.question);
  }

  void run() {
    while (!quit_) {
      show();
      wait();
      read_signals();
      read_answers();
      while (!quit_) {
        const auto key = screen_.key();
        if (!key) {
          break;
        }
        react(view_.press(*key));
      }
    }
  }

 private:
  void wake() const { eventfd_write(answered_.get(), 1); }

  void show() {
    Frame frame = lay_out(view_, screen_.size());
    if (view_.fit(frame.page, frame.scroll_end)) {
      frame = lay_out(view_, screen_.size());
    }
    screen_.draw(frame);
  }

  void wait() {
    std::array<pollfd, 3> fds{{{STDIN_FILENO, POLLIN, 0}, {signals_.get(), POLLIN, 0}, {answered_.get(), POLLIN, 0}}};
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) {
      throw SystemError(errno, "waiting for keys");
    }
    if ((fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
      quit_ = true;  // the terminal is gone
    }
  }

  void read_signals() {
    signalfd_siginfo signal{};
    while (read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal)) {
      if (signal.ssi_signo == SIGWINCH) {
        screen_.resize();
      } else {
        quit_ = true;
      }
    }
  }

  void read_answers() {
    eventfd_t count = 0;
    eventfd_read(answered_.get(), &count);
    if (auto reply = questions_.take()) {
      take(std::move(*reply));
    }
    if (const auto result = changes_.take()) {
      view_.take_result(*result);
      questions_.ask(view_.question());
    }
  }

  void take(Reply reply) {
    if (reply.snapshot) {
      view_.take(reply.question, std::move(*reply.snapshot));
    } else if (!reply.refusal.empty()) {
      view_.take_refusal(reply.question, reply.refusal);
      questions_.ask(view_.question());
    } else {
      view_.take_failure(reply.failure);
    }
  }

  void react(Reaction reaction) {
    switch (reaction) {
      case Reaction::quit:
        quit_ = true;
        break;
      case Reaction::redraw:
        screen_.redraw();
        break;
      case Reaction::ask:
        questions_.ask(view_.question());
        break;
      case Reaction::change:
        changes_.ask(view_.change());
        break;
      case Reaction::none:
      case Reaction::show:
        break;
    }
  }

  View view_;
  UniqueFd signals_;
  UniqueFd answered_;
  bool quit_ = false;
  Background<Change, ChangeResult> changes_;
  Background<Question, Reply> questions_;
  Screen screen_;  // the last one: the terminal is restored before threads are waited for
};

}  // namespace

void run_top(const TopOptions& options) {
  require_terminal();
  RunClient client(options.interface);
  Snapshot first = client.ask(options.question);
  Session(options, std::move(client), std::move(first)).run();
}

}  // namespace nicsentry::top
