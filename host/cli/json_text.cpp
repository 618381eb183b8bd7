// SPDX-License-Identifier: GPL-2.0-only
#include "host/cli/json_text.h"

#include <cerrno>
#include <fstream>
#include <iostream>

#include "host/error.h"
#include "host/json_reading.h"
#include "host/text_reading.h"

namespace nicsentry {
nlohmann::json read_json_file(const std::string& path) {
  std::string text;
  if (path == "-") {
    text = read_text(std::cin, "standard input");
  } else {
    std::ifstream file(path);
    if (!file) {
      throw SystemError(errno, "opening " + path);
    }
    text = read_text(file, path);
  }
  try {
    return parse_json(text);
  } catch (const Error& error) {
    throw Error("reading " + path + ": " + error.what());
  }
}

std::string member_text(const nlohmann::json& object, const std::string& name) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) {
    return "-";
  }
  return member->is_string() ? member->get<std::string>() : member->dump();
}

}  // namespace nicsentry
