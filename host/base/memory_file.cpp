// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/memory_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "host/base/error.h"

namespace nicsentry {

MemoryFile::MemoryFile(const std::string& content) : fd_(memfd_create("nicsentry", MFD_CLOEXEC)) {
  if (!fd_) {
    throw SystemError(errno, "making a file in memory");
  }
  for (std::size_t at = 0; at < content.size();) {
    const ssize_t written = write(fd_.get(), content.data() + at, content.size() - at);
    if (written < 0 && errno != EINTR) {
      throw SystemError(errno, "writing a file in memory");
    }
    at += written > 0 ? static_cast<std::size_t>(written) : 0;
  }
}

std::string MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }

std::string MemoryFile::content() const {
  struct stat about {};
  if (fstat(fd_.get(), &about) != 0) {
    throw SystemError(errno, "reading the size of a file in memory");
  }
  std::string content(static_cast<std::size_t>(about.st_size), '\0');
  for (std::size_t at = 0; at < content.size();) {
    const ssize_t got = pread(fd_.get(), content.data() + at, content.size() - at, static_cast<off_t>(at));
    if (got == 0 || (got < 0 && errno != EINTR)) {
      throw SystemError(got == 0 ? EIO : errno, "reading a file in memory");
    }
    at += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  return content;
}

}  // namespace nicsentry
