// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/stream/fd_writer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>

#include "host/base/error.h"

namespace nicsentry {

FdWriter::FdWriter(int fd) : fd_(fd), given_up_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!given_up_) {
    throw SystemError(errno, "making an eventfd");
  }
}

bool FdWriter::write(std::string_view text) {
  while (!text.empty()) {
    if (!wait_until_writable()) {
      return false;
    }
    // A pipe that polls as writable takes this much without waiting (pipe(7)).
    const ssize_t written = ::write(fd_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      throw SystemError(errno, fd_ == STDOUT_FILENO   ? "writing to standard output"
                               : fd_ == STDERR_FILENO ? "writing to standard error"
                                                      : "writing to a stream");
    }
  }
  return true;
}

void FdWriter::give_up() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(given_up_.get(), &one, sizeof(one));
}

bool FdWriter::wait_until_writable() const {
  std::array<pollfd, 2> fds{{{fd_, POLLOUT, 0}, {given_up_.get(), POLLIN, 0}}};
  while (poll(fds.data(), fds.size(), -1) < 0) {
    if (errno != EINTR) {
      throw SystemError(errno, "waiting to write");
    }
  }
  return fds[1].revents == 0;
}

}  // namespace nicsentry
