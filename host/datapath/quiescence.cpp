// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/quiescence.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <vector>

#include "host/base/error.h"
#include "host/datapath/processors.h"

namespace nicsentry {
namespace {

// Where the kernel has no global membarrier (nohz_full), this long: far above any softirq's stay in one packet.
constexpr std::chrono::milliseconds kWithoutMembarrier{50};

constexpr int kVisitPriority = 50;

bool softirqs_are_preemptible() {
  std::ifstream file("/sys/kernel/realtime");
  return file.peek() == '1';
}

// Runs on each processor for a moment. False where it cannot.
bool visit_processors() {
  if (softirqs_are_preemptible()) {
    return false;
  }
  const sched_param priority{kVisitPriority};
  sched_setscheduler(0, SCHED_FIFO, &priority);  // without the right to it the visits take longer
  const std::vector<int> processors = online_processors();
  if (processors.empty()) {
    return false;
  }
  const std::size_t size = CPU_ALLOC_SIZE(processors.back() + 1);
  std::vector<std::byte> bytes(size);
  auto* set = reinterpret_cast<cpu_set_t*>(bytes.data());
  for (const int processor : processors) {
    CPU_ZERO_S(size, set);
    CPU_SET_S(static_cast<std::size_t>(processor), size, set);
    if (sched_setaffinity(0, size, set) != 0) {
      return false;  // offline meanwhile, or kept from this process
    }
  }
  return true;
}

}  // namespace

void wait_for_processors() {
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) {
    std::this_thread::sleep_for(kWithoutMembarrier);
  }
}

void wait_for_running_programs() {
  bool visited = false;
  std::thread visitor([&visited] {  // whose place and priority are lost with it
    try {
      visited = visit_processors();
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): those online are not known; the other way is left
    }
  });
  visitor.join();
  if (!visited) {
    wait_for_processors();
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
