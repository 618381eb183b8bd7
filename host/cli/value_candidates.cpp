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
#include <utility>

#include "host/api/client/controller.h"
#include "host/api/client/find_controller.h"
#include "host/cli/value_types.h"
#include "host/datapath/user_pins.h"
#include "host/programs/loaded/loaded.h"
#include "host/report/table_order.h"
#include "host/rules/language/packet_text.h"
#include "host/rules/language/rule_words.h"
#include "host/rules/language/words.h"
#include "host/rules/sets/address_sets.h"
#include "host/sessions/lifetimes.h"

namespace nicsentry {
namespace {

using Words = std::vector<std::string>;

// Whoever presses the Tab key waits for it.
constexpr ClientLimits kQuick{std::chrono::milliseconds(300), std::chrono::seconds(1)};

// The answer of somebody else; nothing where he cannot be asked.
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

Controller controller_of(const std::string& interface) {
  return Controller(find_controller(interface, std::chrono::milliseconds::zero()), kQuick);
}

Words set_names(const std::string& interface) {
  return asked([&interface] {
    Words names;
    for (const ListedSet& set : controller_of(interface).sets().sets) {
      names.push_back(set.name);
    }
    return names;
  });
}

// None of a set with more than anybody would choose from.
Words set_entries(const LineSoFar& line) {
  return asked([&line] {
    constexpr std::size_t kMost = 1000;
    const std::string name = line.set.empty() ? kBlockedSet : line.set;
    const Controller controller = controller_of(line.interface);
    const std::vector<ListedSet> sets = controller.sets().sets;
    const auto set = std::find_if(sets.begin(), sets.end(), [&name](const ListedSet& one) { return one.name == name; });
    Words entries;
    if (set == sets.end() || set->entries > kMost) {
      return entries;
    }
    for (const ListedEntry& entry : controller.entries(name).entries) {
      entries.push_back(entry.range.text());
    }
    return entries;
  });
}

Words rule_ids(const LineSoFar& line) {
  return asked([&line] {
    const RulesAnswer answer = controller_of(line.interface).rules();
    const std::size_t count = (line.egress ? answer.egress : answer.ingress).rules.size();
    Words ids;
    ids.reserve(count);
    for (std::size_t id = 0; id < count; ++id) {
      ids.push_back(std::to_string(id));
    }
    return ids;
  });
}

// With --by or without it, which may follow.
Words order_words(const LineSoFar& line) {
  Words words = table_order_words(line.grouped);
  if (!line.grouped) {
    const Words of_groups = table_order_words(true);
    words.insert(words.end(), of_groups.begin(), of_groups.end());
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
  }
  return words;
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

// The words that --help has as "TEXT:{one,two}".
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

// Whether a list has this value already, or what begins with this name: "csv,jsonl,", "udp=30s,".
bool has_value(const std::string& values, const std::string& word) {
  const Words given = CLI::detail::split(values, ',');
  return std::any_of(given.begin(), given.end(), [&word](const std::string& one) {
    return one == word || (word.ends_with('=') && one.starts_with(word));
  });
}

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

std::vector<std::string> value_candidates(const CLI::Option& option, const std::string& begun, const LineSoFar& line) {
  const std::string type = option.get_type_name();
  const std::string& interface = line.interface;
  if (type.starts_with(kRuleIdOrWordType)) {
    Words words = word_candidates(rule_language(), begun, interface);
    const Words ids = line.arguments ? Words() : rule_ids(line);
    words.insert(words.end(), ids.begin(), ids.end());
    return words;
  }
  if (type.starts_with(kRuleIdType)) {
    return rule_ids(line);
  }
  if (type.starts_with(kEntryType)) {
    return set_entries(line);
  }
  if (option.check_lname("sort")) {
    return order_words(line);
  }
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
  if (option.check_lname("interface") || option.get_name(true) == "PORT") {
    return interfaces();
  }
  const std::string before = option.get_delimiter() == ',' ? up_to_last(begun) : "";
  Words words = option.check_lname("timeouts") ? timeout_names() : choices(type);
  std::erase_if(words, [&before](const std::string& word) { return has_value(before, word); });
  return behind(before, std::move(words));
}

}  // namespace nicsentry
