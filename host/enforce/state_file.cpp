// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry {
namespace {

constexpr std::size_t kStatePiece = std::size_t{256} << 10U;
constexpr std::size_t kStateMost = std::size_t{256} << 20U;  // a million IPv6 addresses need 60 MiB

void require_regular(int fd, const std::filesystem::path& path) {
  struct stat found {};
  if (fstat(fd, &found) != 0) {
    throw SystemError(errno, "looking at " + path.string());
  }
  if (S_ISDIR(found.st_mode)) {
    throw SystemError(EISDIR, "reading " + path.string());
  }
  if (!S_ISREG(found.st_mode)) {
    throw Error("EINVAL: reading " + path.string() + ": it is no regular file");
  }
  if (found.st_uid != geteuid() && found.st_uid != 0) {
    throw Error("EPERM: reading " + path.string() + ": it belongs to user " + std::to_string(found.st_uid) +
                ", who may change it; allowed is a file of this user or of root that nobody else may write");
  }
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw Error("EPERM: reading " + path.string() +
                ": other users may write it; if it has what it should, take that away: chmod go-w " + path.string());
  }
}

}  // namespace

bool stands_at(const std::filesystem::path& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) == 0) {
    return true;
  }
  if (errno != ENOENT) {
    throw SystemError(errno, "looking at " + path.string());
  }
  return false;
}

// A FIFO that nobody writes to holds up no start: it is opened without waiting.
std::string read_state_file(const std::filesystem::path& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC));
  if (!file) {
    const int code = errno;
    throw SystemError(code, "reading " + path.string() +
                                (code == ELOOP ? " (no symbolic link is followed in a state directory)" : ""));
  }
  require_regular(file.get(), path);
  std::string text;
  while (true) {
    const std::size_t before = text.size();
    if (before > kStateMost) {
      throw Error("EFBIG: reading " + path.string() + ": it is larger than " + std::to_string(kStateMost >> 20U) +
                  " MiB");
    }
    text.resize(before + kStatePiece);
    const ssize_t got = read(file.get(), text.data() + before, kStatePiece);
    if (got < 0 && errno != EINTR) {
      throw SystemError(errno, "reading " + path.string());
    }
    text.resize(before + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got == 0) {
      return text;
    }
  }
}

}  // namespace nicsentry
