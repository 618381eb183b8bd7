// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace nicsentry {

void set_up_log(bool quiet) {
  auto logger = spdlog::stderr_color_mt("nicsentry");
  logger->set_pattern("nicsentry: %^%l%$: %v");
  logger->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void log_packet(const std::string& text) {
  // Not the default logger, which may be quiet.
  static const auto logger = [] {
    auto made = spdlog::default_logger()->clone("records");
    made->set_level(spdlog::level::info);
    return made;
  }();
  logger->info("log: {}", text);
}

void log_info(const std::string& text) { spdlog::info("{}", text); }
void log_warning(const std::string& text) { spdlog::warn("{}", text); }
void log_error(const std::string& text) { spdlog::error("{}", text); }

}  // namespace nicsentry
