// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/stream/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "host/base/directory.h"
#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr mode_t kMode = 0640;

// Whether a killed process left the file without a line end.
bool lacks_line_end(const Directory& directory, const std::string& name, int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
    return false;
  }
  char last = '\n';
  const UniqueFd reader = directory.open(name, O_RDONLY, 0, "reading");
  return pread(reader.get(), &last, 1, status.st_size - 1) == 1 && last != '\n';
}

}  // namespace

AppendFile::AppendFile(std::filesystem::path path) : path_(std::move(path)) {
  const Directory directory = directory_of(path_);
  const std::string name = path_.filename().string();
  // A FIFO without a reader is an error at once, not a wait for one.
  fd_ = directory.open(name, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, kMode, "opening");
  if (fcntl(fd_.get(), F_SETFL, O_APPEND) != 0) {
    throw SystemError(errno, "opening " + path_.string());
  }
  lacks_line_end_ = lacks_line_end(directory, name, fd_.get());
}

void AppendFile::append(std::string_view line) {
  if (lacks_line_end_) {
    write_whole("\n");
    lacks_line_end_ = false;
  }
  write_whole(line);
}

void AppendFile::write_whole(std::string_view line) {
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
