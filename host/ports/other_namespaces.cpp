// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/ports/other_namespaces.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <map>
#include <utility>

#include "host/base/closest_word.h"
#include "host/base/error.h"
#include "host/ports/port_claim.h"

namespace nicsentry {
namespace {

// A pid may be of another PID namespace, and another process's here.
bool is_in(int pid, unsigned long network_namespace) {
  struct stat found {};
  return stat(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), &found) == 0 && found.st_ino == network_namespace;
}

std::string joined_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += text.empty() ? "" : ", ";
    text += name;
  }
  return text.empty() ? "ports" : text;
}

bool watches(const RunElsewhere& run, const std::string& port) {
  return std::find(run.ports.begin(), run.ports.end(), port) != run.ports.end();
}

std::string hint_at(const RunElsewhere& run) {
  const std::string pid = std::to_string(run.pid);
  return "process " + pid + " watches " + joined_names(run.ports) +
         " of another network namespace, ask it with: nsenter -t " + pid + " -n nicsentry ...";
}

std::string hint_at(std::vector<RunElsewhere> runs, const std::string& port) {
  const auto watching = [&port](const RunElsewhere& run) { return watches(run, port); };
  if (std::any_of(runs.begin(), runs.end(), watching)) {
    std::erase_if(runs, [&](const RunElsewhere& run) { return !watching(run); });
  }
  std::string hint;
  for (const RunElsewhere& run : runs) {
    hint += hint.empty() ? "" : "; ";
    hint += hint_at(run);
  }
  return hint;
}

}  // namespace

std::vector<RunElsewhere> runs_elsewhere() {
  const unsigned long here = network_namespace();
  std::map<int, std::vector<std::string>> found;
  for (const NamespacedRecord& one : read_all_port_records()) {
    if (one.network_namespace != here && one.read.running && is_in(one.read.record.pid, one.network_namespace)) {
      std::vector<std::string>& ports = found[one.read.record.pid];
      if (!one.read.record.port.empty()) {
        ports.push_back(one.read.record.port);
      }
    }
  }
  std::vector<RunElsewhere> runs;
  runs.reserve(found.size());
  for (auto& [pid, ports] : found) {
    std::sort(ports.begin(), ports.end());
    runs.push_back({pid, std::move(ports)});
  }
  return runs;
}

std::string hint_at_runs_elsewhere(const std::string& port) {
  try {
    return hint_at(runs_elsewhere(), port);
  } catch (const std::exception&) {
    return "";
  }
}

namespace {

// "interfaces here: lo, eth0"
std::string hint_at_interfaces(const std::string& name) {
  constexpr std::size_t kNamed = 20;
  std::vector<std::string> names;
  for (const Interface& interface : list_interfaces()) {
    names.push_back(interface.name);
  }
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kNamed); ++i) {
    text += (text.empty() ? "interfaces here: " : ", ") + names[i];
  }
  text += names.size() > kNamed ? ", and " + std::to_string(names.size() - kNamed) + " more" : "";
  const auto meant = closest_word(name, names);
  return meant ? text + "; did you mean '" + *meant + "'?" : text;
}

}  // namespace

Interface find_port(const std::string& name) {
  try {
    return find_interface(name);
  } catch (const SystemError& error) {
    if (error.code() != ENODEV) {
      throw;
    }
    const std::string elsewhere = hint_at_runs_elsewhere(name);
    throw SystemError(error.code(), "interface '" + name + "'",
                      "\n  " + (elsewhere.empty() ? hint_at_interfaces(name) : elsewhere));
  }
}

}  // namespace nicsentry
