// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/json_reading.h"

#include <cerrno>
#include <fstream>
#include <iostream>
#include <string>
#include <unordered_set>
#include <vector>

#include "host/base/error.h"
#include "host/base/text_reading.h"

namespace nicsentry {
namespace {

using nlohmann::json;

constexpr std::size_t kErrorsTold = 20;
constexpr std::size_t kKeyTold = 64;  // characters

// Follows the parser through the text.
class Reading {
 public:
  void meet(json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        count();
        if (levels_.size() == kJsonLevelsMax) {
          throw Error("nested more than " + std::to_string(kJsonLevelsMax) + " levels deep");
        }
        levels_.emplace_back().list = event == json::parse_event_t::array_start;
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        levels_.pop_back();
        break;
      case json::parse_event_t::key:
        meet_key(parsed.get_ref<const std::string&>());
        break;
      case json::parse_event_t::value:
        count();
        break;
    }
  }

  void check() const {
    if (errors_ == 0) {
      return;
    }
    throw Error(errors_ <= kErrorsTold ? told_ : told_ + "\nand " + std::to_string(errors_ - kErrorsTold) + " more");
  }

 private:
  struct Level {
    bool list = false;
    std::size_t number = 0;  // of a list's element, from 1
    std::string key;         // of an object's
    std::unordered_set<std::string> keys;
  };

  void count() {
    if (!levels_.empty() && levels_.back().list) {
      ++levels_.back().number;
    }
  }

  void meet_key(const std::string& key) {
    if (!levels_.back().keys.insert(key).second && errors_++ < kErrorsTold) {
      told_ += (told_.empty() ? "" : "\n") + place() + "\"" + key.substr(0, kKeyTold) +
               "\": read twice, allowed is once in an object";
    }
    levels_.back().key = key;
  }

  // "rules, number 3: " for what is in the third element of "rules".
  std::string place() const {
    std::string text;
    for (std::size_t i = 0; i + 1 < levels_.size(); ++i) {
      const Level& level = levels_[i];
      text += (text.empty() ? "" : ", ") +
              (level.list ? "number " + std::to_string(level.number) : level.key.substr(0, kKeyTold));
    }
    return text.empty() ? text : text + ": ";
  }

  std::vector<Level> levels_;
  std::string told_;
  std::size_t errors_ = 0;
};

}  // namespace

json parse_json(std::string_view text) {
  Reading reading;
  json parsed;
  try {
    parsed = json::parse(text, [&reading](int /*depth*/, json::parse_event_t event, const json& now) {
      reading.meet(event, now);
      return true;
    });
  } catch (const json::exception& error) {
    throw Error(std::string("not JSON: ") + error.what());
  }
  reading.check();
  return parsed;
}

json read_json_file(const std::string& path) {
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

}  // namespace nicsentry
