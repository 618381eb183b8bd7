// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/user_programs.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <optional>
#include <utility>

#include "host/base/wall_clock.h"
#include "host/datapath/user_pins.h"
#include "host/programs/loaded/loaded.h"

namespace nicsentry {
namespace {

constexpr std::chrono::seconds kLookAtPrograms{1};

struct Found {
  std::vector<UserProgram> on_hooks;
  std::vector<UserProgram> off_hooks;  // loaded, and taken off by others
};

// Nothing while another process has the programs.
std::optional<Found> find_user_programs() {
  if (!UserPins::any()) {
    return Found();
  }
  const auto monitors = programs::list_monitors_at_once();
  if (!monitors) {
    return std::nullopt;
  }
  Found found;
  for (const programs::LoadedMonitor& monitor : *monitors) {
    for (const programs::LoadedPath& path : monitor.paths) {
      if (monitor.here) {
        (path.attached ? found.on_hooks : found.off_hooks)
            .push_back({monitor.name, monitor.interface, hook_name(path.hook()), mode_name(path.mode), path.title,
                        path.program_id, path.priority});
      }
    }
  }
  return found;
}

bool same_place(const UserProgram& one, const UserProgram& other) {
  return one.name == other.name && one.interface == other.interface && one.hook == other.hook;
}

bool has_place(const std::vector<UserProgram>& programs, const UserProgram& wanted) {
  return std::any_of(programs.begin(), programs.end(),
                     [&wanted](const UserProgram& one) { return same_place(one, wanted); });
}

// Those that were known before were noticed then.
std::vector<UserPrograms::Off> noticed(const std::vector<UserProgram>& programs,
                                       const std::vector<UserPrograms::Off>& before) {
  std::vector<UserPrograms::Off> off;
  for (const UserProgram& program : programs) {
    const auto known = std::find_if(before.begin(), before.end(), [&program](const UserPrograms::Off& one) {
      return same_place(one.program, program);
    });
    off.push_back({program, known == before.end() ? wall_clock_ns() : known->since_ns});
  }
  return off;
}

}  // namespace

UserPrograms::UserPrograms(std::function<void(const std::string&)> warning)
    : warning_(std::move(warning)), thread_([this] { look_again_and_again(); }) {}

UserPrograms::~UserPrograms() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::vector<UserProgram> UserPrograms::on(const std::vector<std::string>& ports) const {
  std::vector<UserProgram> programs;
  const std::lock_guard lock(mutex_);
  std::copy_if(found_.begin(), found_.end(), std::back_inserter(programs), [&ports](const UserProgram& program) {
    return std::find(ports.begin(), ports.end(), program.interface) != ports.end();
  });
  return programs;
}

std::vector<UserPrograms::Off> UserPrograms::off(const std::vector<std::string>& ports) const {
  std::vector<Off> off;
  const std::lock_guard lock(mutex_);
  std::copy_if(off_.begin(), off_.end(), std::back_inserter(off), [&ports](const Off& one) {
    return std::find(ports.begin(), ports.end(), one.program.interface) != ports.end();
  });
  return off;
}

void UserPrograms::look() {
  const std::lock_guard one_at_a_time(looking_);
  try {
    if (auto found = find_user_programs()) {
      for (const UserProgram& program : found->off_hooks) {
        if (has_place(found_, program)) {  // no other thread writes it
          warning_("programs of your own: " + program.interface + ": '" + program.name + "' is on its hook (" +
                   program.hook + ", mode " + program.mode + ") no more; nicsentry programs load puts it there again");
        }
      }
      const std::lock_guard lock(mutex_);
      found_ = std::move(found->on_hooks);
      off_ = noticed(found->off_hooks, off_);
    }
    why_not_.clear();
  } catch (const std::exception& error) {  // one that leaves this thread would end the process
    if (std::string former = std::exchange(why_not_, error.what()); former != why_not_) {
      warning_(std::string("programs of your own are not known: ") + error.what());
    }
    const std::lock_guard lock(mutex_);
    found_.clear();
    off_.clear();
  }
}

void UserPrograms::look_again_and_again() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    look();
    lock.lock();
    changed_.wait_for(lock, kLookAtPrograms, [this] { return ending_; });
  }
}

}  // namespace nicsentry
