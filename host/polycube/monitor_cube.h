// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>

#include "host/polycube/cube.h"
#include "host/programs/monitor/monitor.h"

namespace nicsentry::polycube {

// The text by which a load of this API is told from one of `nicsentry programs load`, in the place of its file's name.
constexpr const char* kLoadedByApi = "(polycube API)";

// A cube of the service dynmon: the user's own programs, compiled and verified when they come, on an interface from
// attach to detach.
class MonitorCube : public TransparentCube {
 public:
  // `settings`: dataplane-config, type, loglevel. Compiles and verifies the programs. Throws Error.
  MonitorCube(CubeIdentity identity, const nlohmann::json& settings);

  Response answer(const Call& call) override;
  void attach(const std::string& interface, const std::string& port, const Places& places,
              const FindTerms& terms) override;
  void detach() override;
  bool is_firewall() const override { return false; }

 private:
  struct Config {
    nlohmann::ordered_json document;           // as it is shown
    std::optional<programs::Monitor> monitor;  // nothing: no program
  };
  static Config parse(const nlohmann::json& document);
  static void merge(nlohmann::ordered_json& into, const nlohmann::json& given);
  void verify(const Config& config, int log_level) const;
  void load(const Config& config, int log_level, const std::string& interface, const Places& places) const;
  void unload() const;
  void take(Config config, int log_level);
  nlohmann::ordered_json document();
  Response change_config(const Call& call);
  Response change_setting(const Call& call);

  std::mutex mutex_;  // of what follows; held while programs are compiled and loaded
  Config config_;
  std::string interface_;  // Linux's name; empty: not attached
  Places places_;
};

// Takes off what a service that is gone has left on the interfaces of this network namespace. Throws Error.
void unload_leftovers();

}  // namespace nicsentry::polycube
