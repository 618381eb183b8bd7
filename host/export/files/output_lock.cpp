// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/output_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>

#include "host/base/directory.h"
#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr const char* kName = ".nicsentry.lock";

// The number of the process that has the lock, for messages only.
std::string owner(int fd) {
  std::array<char, 16> text{};
  const ssize_t length = pread(fd, text.data(), text.size(), 0);
  const std::string number(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  const bool good = !number.empty() && std::all_of(number.begin(), number.end(), [](unsigned char character) {
    return std::isdigit(character) != 0;
  });
  return good ? "process " + number : "another process";
}

}  // namespace

OutputLock::OutputLock(const std::filesystem::path& directory, const std::function<void(const std::string&)>& warn)
    : fd_(Directory(directory).open(kName, O_RDWR | O_CREAT, S_IRUSR | S_IWUSR, "opening")) {
  if (flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      throw Error("EBUSY: " + owner(fd_.get()) + " writes its windows in " + directory.string() +
                  "; a run needs a directory of its own (-o)");
    }
    warn(SystemError(errno, "locking " + directory.string()).what());
    return;
  }
  locked_ = true;
  const std::string number = std::to_string(getpid());
  // Without room on the disk the number is missing from messages.
  [[maybe_unused]] const bool written =
      ftruncate(fd_.get(), 0) == 0 && pwrite(fd_.get(), number.data(), number.size(), 0) > 0;
}

OutputLock::~OutputLock() {
  [[maybe_unused]] const bool emptied = locked_ && ftruncate(fd_.get(), 0) == 0;  // the same files for the same windows
}

}  // namespace nicsentry
