// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/journal_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace nicsentry {
namespace {

constexpr std::size_t kLongestMessage = 32768;  // a datagram takes about 200 KiB

}  // namespace

JournalSocket::JournalSocket(std::string path)
    : path_(std::move(path)), socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

void JournalSocket::send(const LogEntry& entry) {
  LogEntry cut = entry;
  cut.text.resize(std::min(cut.text.size(), kLongestMessage));
  if (!sent(journal_datagram(cut))) {
    const std::string line = plain_line(cut);
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  }
}

// A journald that was started anew has another socket of the same name: the name is looked up each time.
bool JournalSocket::sent(const std::string& datagram) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!socket_ || path_.size() >= sizeof(address.sun_path)) {
    return false;
  }
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  ssize_t result = 0;
  do {
    result = sendto(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  } while (result < 0 && errno == EINTR);
  return result >= 0;
}

}  // namespace nicsentry
