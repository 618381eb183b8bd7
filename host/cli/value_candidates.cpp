// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/value_candidates.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <string_view>
#include <system_error>

#include "host/api/client/controller.h"
#include "host/api/client/find_controller.h"
#include "host/cli/value_types.h"
#include "host/datapath/user_pins.h"
#include "host/programs/loaded/loaded.h"
#include "host/rules/language/packet_text.h"
#include "host/rules/language/rule_words.h"
#include "host/rules/language/words.h"
#include "host/sessions/lifetimes.h"

namespace nicsentry {
namespace {

using Words = std::vector<std::string>;

// Whoever presses the Tab key waits for it.
constexpr ClientLimits kQuick{std::chrono::milliseconds(300), std::chrono::seconds(1)};

// What others say; nothing where they cannot be asked.
template <typename Ask>
Words asked(Ask ask) {
  try {
    return ask();
  } catch (const std::exception&) {
    return {};
  }
}

Words interfaces() {
  Words names;
  std::error_code none_without_sysfs;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net", none_without_sysfs)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

Words set_names(const std::string& interface) {
  return asked([&interface] {
    const Controller controller(find_controller(interface, std::chrono::milliseconds::zero()), kQuick);
    Words names;
    for (const ListedSet& set : controller.sets().sets) {
      names.push_back(set.name);
    }
    return names;
  });
}

Words program_names() {
  return asked([] {
    Words names;
    if (!UserPins::any()) {  // listing makes their directory
      return names;
    }
    const auto monitors = programs::list_monitors_at_once();
    if (!monitors) {
      return names;
    }
    for (const programs::LoadedMonitor& monitor : *monitors) {
      if (monitor.here) {
        names.push_back(monitor.name);
      }
    }
    return names;
  });
}

Words timeout_names() {
  Words names;
  for (const NamedLifetime& named : named_lifetimes()) {
    names.push_back(std::string(named.name) + "=");
  }
  return names;
}

// What --help has as "TEXT:{one,two}".
Words choices(const std::string& type) {
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) {
    return {};
  }
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

Words behind(const std::string& before, Words words) {
  for (std::string& word : words) {
    word.insert(0, before);
  }
  return words;
}

// Up to the last of several values, which have commas between.
std::string up_to_last(const std::string& values) { return values.substr(0, values.rfind(',') + 1); }

std::string in_lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return text;
}

// The words of a list as somebody writes them who began with `begun`: "tcp" for "t".
Words in_case_of(const std::string& begun, Words words) {
  if (!begun.empty() && begun == in_lower_case(begun)) {
    std::transform(words.begin(), words.end(), words.begin(), in_lower_case);
  }
  return words;
}

// Words of a rule or a packet.
struct Language {
  Words beginnings;
  Words (*values)(std::string_view field) = nullptr;
};

Language rule_language() { return {rule_word_beginnings(), rule_word_values}; }

Language packet_language() {
  Language language{{}, packet_word_values};
  for (const char* field : packet_fields()) {
    language.beginnings.push_back(std::string(field) + "=");
  }
  return language;
}

Words word_candidates(const Language& language, const std::string& begun, const std::string& interface) {
  const std::size_t equals = begun.find('=');
  if (equals == std::string::npos) {
    return language.beginnings;
  }
  const std::string field = in_lower_case(begun.substr(0, equals));
  std::string before = begun.substr(0, equals + 1) + up_to_last(begun.substr(equals + 1));
  if (begun.size() > before.size() && begun[before.size()] == '!') {
    before += '!';
  }
  if (field == "src" || field == "dst") {
    return behind(before + "@", set_names(interface));
  }
  if (field == "in" || field == "out") {
    return behind(before, interfaces());
  }
  return behind(before, in_case_of(begun.substr(before.size()), language.values(field)));
}

}  // namespace

std::vector<std::string> value_candidates(const CLI::Option& option, const std::string& begun,
                                          const std::string& interface) {
  const std::string type = option.get_type_name();
  if (type.starts_with(kRuleWordType)) {
    return word_candidates(rule_language(), begun, interface);
  }
  if (type.starts_with(kPacketWordType)) {  // files, too, where nothing has begun
    return begun.empty() ? Words() : word_candidates(packet_language(), begun, interface);
  }
  if (type.starts_with(kSetType)) {
    return set_names(interface);
  }
  if (type.starts_with(kProgramType)) {
    return program_names();
  }
  if (option.check_lname("interface")) {
    return interfaces();
  }
  const std::string before = option.get_delimiter() == ',' ? up_to_last(begun) : "";
  return behind(before, option.check_lname("timeouts") ? timeout_names() : choices(type));
}

}  // namespace nicsentry
