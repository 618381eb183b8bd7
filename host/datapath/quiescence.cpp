// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/quiescence.h"

#include <linux/membarrier.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "host/base/error.h"

namespace nicsentry {
namespace {

// Where the kernel has no global membarrier (nohz_full), this long: far above any softirq's stay in one packet.
constexpr std::chrono::milliseconds kWithoutMembarrier{50};

}  // namespace

void wait_for_processors() {
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) {
    std::this_thread::sleep_for(kWithoutMembarrier);
  }
}

Quiescence::Quiescence(std::chrono::microseconds card_time)
    : card_time_(card_time), done_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!done_) {
    throw SystemError(errno, "making an eventfd");
  }
  thread_ = std::thread([this] { serve(); });
}

Quiescence::~Quiescence() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Quiescence::request() {
  {
    const std::lock_guard lock(mutex_);
    requested_ = true;
  }
  wake_.notify_one();
}

bool Quiescence::take_done() {
  std::uint64_t count = 0;
  return read(done_.get(), &count, sizeof(count)) == sizeof(count);
}

void Quiescence::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return requested_ || stopping_; });
    if (stopping_) {
      return;
    }
    requested_ = false;
    lock.unlock();
    wait_for_processors();
    std::this_thread::sleep_for(card_time_);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(done_.get(), &one, sizeof(one));
    lock.lock();
  }
}

}  // namespace nicsentry
