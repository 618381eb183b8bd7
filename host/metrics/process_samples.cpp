// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "host/metrics/samples.h"

namespace nicsentry {
namespace {

using ProcessMetric = Exposition::Type;
constexpr double kMicroseconds = 1e6;

double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / kMicroseconds;
}

// When this process began, in seconds since 1970: its age is in ticks since the machine's start (proc(5)).
double start_seconds() {
  constexpr int kStartField = 22;
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(std::min(text.rfind(')') + 2, text.size())));  // the name may have blanks
  std::string field;
  for (int i = 3; i <= kStartField; ++i) {
    fields >> field;
  }
  std::ifstream machine("/proc/stat");
  for (std::string line; std::getline(machine, line);) {
    if (line.starts_with("btime ") && !field.empty()) {
      return std::stod(line.substr(sizeof("btime ") - 1)) +
             std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
    }
  }
  return 0;
}

std::uint64_t open_descriptors() {
  std::uint64_t count = 0;
  std::error_code failure;
  for (std::filesystem::directory_iterator at("/proc/self/fd", failure), end; !failure && at != end;
       at.increment(failure)) {
    ++count;
  }
  return count == 0 ? 0 : count - 1;  // the directory's own is one of them
}

}  // namespace

void write_process(Exposition& exposition) {
  const auto write = [&exposition](const char* name, ProcessMetric type, const char* help, auto value) {
    FamilyWriter(exposition, name, type, help).add({}, value);
  };
  write("process_cpu_seconds", ProcessMetric::counter, "Time of processors that the process used.",
        processor_seconds());
  static const double kStart = start_seconds();
  write("process_start_time_seconds", ProcessMetric::gauge, "When the process began, since 1970.", kStart);
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  write("process_virtual_memory_bytes", ProcessMetric::gauge, "Virtual memory of the process.", pages * page);
  write("process_resident_memory_bytes", ProcessMetric::gauge, "Resident memory of the process.", resident * page);
  rlimit most{};
  getrlimit(RLIMIT_NOFILE, &most);
  write("process_open_fds", ProcessMetric::gauge, "File descriptors that are open.", open_descriptors());
  write("process_max_fds", ProcessMetric::gauge, "File descriptors that may be open.",
        static_cast<std::uint64_t>(most.rlim_cur));
}

}  // namespace nicsentry
