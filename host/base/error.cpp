// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/error.h"

#include <cerrno>
#include <cstring>

namespace nicsentry {
namespace {

std::string describe(int code, const std::string& what_was_tried) {
  const char* name = strerrorname_np(code);
  std::string text = name != nullptr ? name : "errno " + std::to_string(code);
  text += ": " + what_was_tried + ": " + strerrordesc_np(code);
  if (code == EPERM) text += " (needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON)";
  return text;
}

}  // namespace

SystemError::SystemError(int code, const std::string& what_was_tried, const std::string& detail)
    : Error(describe(code, what_was_tried) + detail), code_(code) {}

}  // namespace nicsentry
