// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/lifetime_clock.h"

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/base/error.h"
#include "host/base/wall_clock.h"
#include "host/enforce/state_json.h"

namespace nicsentry {
namespace {

using nlohmann::json;

constexpr TimestampNs kNsPerSecond = 1'000'000'000;
constexpr TimestampNs kStep = kNsPerSecond;                             // what NTP corrects slowly is less
constexpr TimestampNs kFarthest = 100LL * 366 * 86'400 * kNsPerSecond;  // a century; more is no clock

TimestampNs since_boot_ns() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return time.tv_sec * kNsPerSecond + time.tv_nsec;
}

std::string read_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

TimestampNs within(const json& saved, const char* name, TimestampNs lowest) {
  const auto number = saved.at(name).get<TimestampNs>();
  if (number < lowest || number > kFarthest) {
    throw Error(std::string(name) + ": read " + std::to_string(number) + ", allowed is " + std::to_string(lowest) +
                " to " + std::to_string(kFarthest));
  }
  return number;
}

}  // namespace

LifetimeClock::Sources LifetimeClock::kernel() { return {since_boot_ns, wall_clock_ns, read_boot_id()}; }

LifetimeClock::LifetimeClock(std::optional<std::filesystem::path> file, std::function<void(const std::string&)> warning,
                             Sources sources)
    : file_(std::move(file)), warning_(std::move(warning)), sources_(std::move(sources)) {
  offset_ns_ = sources_.wall() - sources_.since_boot();
  if (file_) {
    load();
  }
}

// Only the wall clock runs on over a reboot: how far it was ahead then, it is ahead now.
void LifetimeClock::load() {
  load_json(*file_, [this](const json& saved) {
    check_fields(saved, {"version", "boot_id", "offset_ns", "wall_ahead_ns"}, "");
    const TimestampNs offset = within(saved, "offset_ns", 0);
    const TimestampNs ahead = within(saved, "wall_ahead_ns", -kFarthest);
    if (saved.at("boot_id").get<std::string>() == sources_.boot_id) {
      offset_ns_ = offset;
      saved_ahead_ = ahead;
    } else {
      offset_ns_ -= ahead;
    }
  });
}

TimestampNs LifetimeClock::now() {
  const std::lock_guard lock(mutex_);
  const TimestampNs now = sources_.since_boot() + offset_ns_;
  if (file_) {
    const TimestampNs ahead = sources_.wall() - now;
    if (!saved_ahead_ || std::llabs(ahead - *saved_ahead_) > kStep) {
      save(ahead);
    }
  }
  return now;
}

void LifetimeClock::save(TimestampNs ahead_ns) {
  try {
    save_json(*file_, {{"version", kStateFormat},
                       {"boot_id", sources_.boot_id},
                       {"offset_ns", offset_ns_},
                       {"wall_ahead_ns", ahead_ns}});
    saved_ahead_ = ahead_ns;
    failing_ = false;
  } catch (const SystemError& error) {  // a full disk holds up no lifetime
    if (!std::exchange(failing_, true) && warning_) {
      warning_(std::string("lifetimes may be shorter or longer after a restart: ") + error.what());
    }
  }
}

}  // namespace nicsentry
