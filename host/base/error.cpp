// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/error.h"

#include <cerrno>
#include <cstring>

#include "host/base/capabilities.h"

namespace nicsentry {
namespace {

// A detail that begins with what is missing knows better than to name all that programs take.
std::string describe(int code, const std::string& what_was_tried, const std::string& detail) {
  const char* name = strerrorname_np(code);
  std::string text = name != nullptr ? name : "errno " + std::to_string(code);
  const char* meaning = strerrordesc_np(code);  // libraries have numbers of their own
  text += ": " + what_was_tried + ": " + (meaning != nullptr ? meaning : "unknown");
  if (code == EPERM && !detail.starts_with(kMissing)) text += missing_for_programs();
  return text + detail;
}

}  // namespace

SystemError::SystemError(int code, const std::string& what_was_tried, const std::string& detail)
    : Error(describe(code, what_was_tried, detail)), code_(code) {}

}  // namespace nicsentry
