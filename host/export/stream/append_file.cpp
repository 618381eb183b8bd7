// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/stream/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr mode_t kMode = 0640;

}  // namespace

AppendFile::AppendFile(std::filesystem::path path)
    : path_(std::move(path)),
      // A FIFO without a reader is an error at once, not a wait for one.
      fd_(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, kMode)) {
  if (!fd_ || fcntl(fd_.get(), F_SETFL, O_APPEND) != 0) {
    throw SystemError(errno, "opening " + path_.string());
  }
}

void AppendFile::append(std::string_view line) {
  const off_t before = lseek(fd_.get(), 0, SEEK_END);
  std::string_view left = line;
  while (!left.empty()) {
    const ssize_t written = write(fd_.get(), left.data(), left.size());
    if (written >= 0) {
      left.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      const int failure = errno;
      if (left.size() != line.size() && before >= 0) {  // a pipe has no end to go back to
        [[maybe_unused]] const int cut = ftruncate(fd_.get(), before);
      }
      throw SystemError(failure, "writing " + path_.string());
    }
  }
}

}  // namespace nicsentry
