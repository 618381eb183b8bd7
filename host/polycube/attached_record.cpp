// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/attached_record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/datapath/interface.h"
#include "host/datapath/tc_filters.h"
#include "host/polycube/links.h"
#include "host/polycube/monitor_cube.h"
#include "host/ports/port_status.h"

namespace nicsentry::polycube {
namespace {

using Warning = std::function<void(const std::string&)>;

// None where the file is missing or damaged.
std::vector<AttachedInterface> read_attached(const std::filesystem::path& path, const Warning& warning) {
  std::vector<AttachedInterface> interfaces;
  if (!std::filesystem::exists(path)) {
    return interfaces;
  }
  try {
    for (const auto& one : read_json_file(path.string())) {
      interfaces.push_back({one.at("name").get<std::string>(), one.at("index").get<int>(),
                            one.at("firewall").get<bool>(), one.at("made_hooks").get<bool>()});
    }
  } catch (const std::exception& error) {
    warning(path.string() + " does not say which firewalls a service that is gone left: " + error.what());
  }
  return interfaces;
}

bool is_there(const AttachedInterface& wanted) {
  const std::vector<Interface> all = list_interfaces();
  return std::any_of(all.begin(), all.end(),
                     [&wanted](const Interface& one) { return one.index == wanted.index && one.name == wanted.name; });
}

}  // namespace

void remove_idle_hooks(int index) {
  if (interface_exists(index) && !has_tc_filters(index)) {
    remove_clsact(index);
  }
}

void AttachedRecord::write(const std::vector<AttachedInterface>& interfaces) const {
  nlohmann::json saved = nlohmann::json::array();
  for (const AttachedInterface& one : interfaces) {
    saved.push_back(
        {{"name", one.name}, {"index", one.index}, {"firewall", one.firewall}, {"made_hooks", one.made_hooks}});
  }
  PendingFile file(path_, PendingFile::Kind::create);
  file.write(saved.dump());
  file.finish();
  file.publish();
}

void AttachedRecord::clean_up(const Warning& warning) const {
  unload_leftovers();
  remove_marked_bridges();
  for (const AttachedInterface& one : read_attached(path_, warning)) {
    if (!is_there(one)) {
      continue;
    }
    if (one.firewall) {
      try {
        detach_port(one.name, std::nullopt);
      } catch (const Error& error) {  // also where nothing is there
        warning("taking off " + one.name + " what a service that is gone left: " + error.what());
      }
    }
    if (one.made_hooks) {
      remove_idle_hooks(one.index);
    }
  }
  write({});
}

}  // namespace nicsentry::polycube
