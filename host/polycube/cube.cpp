// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/cube.h"

#include <strings.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <utility>

#include "host/base/error.h"
#include "host/polycube/settings.h"

namespace nicsentry::polycube {
namespace {

constexpr std::array<std::pair<const char*, Mode>, 3> kTypes{
    {{"TC", Mode::tc}, {"XDP_SKB", Mode::skb}, {"XDP_DRV", Mode::drv}}};
constexpr std::array<const char*, 7> kLevels{"TRACE", "DEBUG", "INFO", "WARN", "ERR", "CRITICAL", "OFF"};

}  // namespace

Mode parse_cube_type(const std::string& text) {
  for (const auto& [name, mode] : kTypes) {
    if (strcasecmp(name, text.c_str()) == 0) {
      return mode;
    }
  }
  throw BadRequest("type: read '" + text + "', allowed are TC, XDP_SKB and XDP_DRV");
}

std::string cube_type_name(Mode mode) {
  for (const auto& [name, known] : kTypes) {
    if (known == mode) {
      return name;
    }
  }
  return mode_name(mode);
}

int parse_log_level(const std::string& text) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (strcasecmp(kLevels.at(i), text.c_str()) == 0) {
      return static_cast<int>(i);
    }
  }
  throw BadRequest("loglevel: read '" + text + "', allowed are TRACE, DEBUG, INFO, WARN, ERR, CRITICAL and OFF");
}

std::string log_level_name(int level) { return kLevels.at(static_cast<std::size_t>(level)); }

std::string random_uuid() {
  std::array<std::uint8_t, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw SystemError(errno, "making a uuid");
  }
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0FU) | 0x40U);  // version 4 (RFC 4122)
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3FU) | 0x80U);
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text += i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
    text += kDigits[bytes[i] >> 4U];
    text += kDigits[bytes[i] & 0x0FU];
  }
  return text;
}

nlohmann::ordered_json Cube::identity_json(Mode type, int log_level) const {
  return {{"name", identity_.name},
          {"uuid", identity_.uuid},
          {"service-name", identity_.service},
          {"type", cube_type_name(type)},
          {"loglevel", log_level_name(log_level)}};
}

TransparentCube::TransparentCube(CubeIdentity identity, const nlohmann::json& settings)
    : Cube(std::move(identity)),
      type_(parse_cube_type(text_setting(settings, "type", "TC"))),
      log_level_(parse_log_level(text_setting(settings, "loglevel", "INFO"))) {}

nlohmann::ordered_json TransparentCube::summary() {
  const std::lock_guard lock(shown_mutex_);
  nlohmann::ordered_json summary = identity_json(type_, log_level_);
  summary["parent"] = port_;
  return summary;
}

std::string TransparentCube::port() const {
  const std::lock_guard lock(shown_mutex_);
  return port_;
}

int TransparentCube::log_level() const {
  const std::lock_guard lock(shown_mutex_);
  return log_level_;
}

void TransparentCube::set_log_level(int level) {
  const std::lock_guard lock(shown_mutex_);
  log_level_ = level;
}

void TransparentCube::set_port(const std::string& port) {
  const std::lock_guard lock(shown_mutex_);
  port_ = port;
}

}  // namespace nicsentry::polycube
