// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/test_run.h"

#include <bpf/bpf.h>
#include <sched.h>

#include <cerrno>

#include "host/base/error.h"

namespace nicsentry {
namespace {

int stay_on_this_cpu() {
  const int cpu = sched_getcpu();
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (cpu < 0 || sched_setaffinity(0, sizeof(set), &set) != 0) {
    throw SystemError(errno, "binding the thread to a processor");
  }
  return cpu;
}

bpf_test_run_opts run_program(int fd, std::span<const std::uint8_t> frame, std::uint32_t repeat) {
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<__u32>(frame.size());
  options.repeat = static_cast<int>(repeat);
  if (bpf_prog_test_run_opts(fd, &options) != 0) {
    throw SystemError(errno, "running the program on a frame of " + std::to_string(frame.size()) + " bytes");
  }
  return options;
}

}  // namespace

std::uint32_t run_frame(int program_fd, std::span<const std::uint8_t> frame) {
  return run_program(program_fd, frame, 1).retval;
}

TestRun::TestRun(const Program& program) : program_fd_(program.fd()), cpu_(stay_on_this_cpu()) {}

std::uint32_t TestRun::run(std::span<const std::uint8_t> frame) { return run_frame(program_fd_, frame); }

std::uint32_t TestRun::time(std::span<const std::uint8_t> frame, std::uint32_t repeat) {
  return run_program(program_fd_, frame, repeat).duration;
}

}  // namespace nicsentry
