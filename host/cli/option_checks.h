// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>
#include <string>

#include "host/error.h"

namespace nicsentry {

// For CLI::Option::check: runs `parse` on the text of an option, so that a value it throws Error at is an error of
// usage, told before anything is done.
template <typename Parse>
std::function<std::string(const std::string&)> understood_by(Parse parse) {
  return [parse](const std::string& text) {
    try {
      parse(text);
      return std::string();
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
}

}  // namespace nicsentry
