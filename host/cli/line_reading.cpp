// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/line_reading.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "host/cli/value_types.h"

namespace nicsentry {
namespace {

// The argument without a name that stands behind so many others.
const CLI::Option* argument_at(const CLI::App& command, int position) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional() && (position -= values_taken(*option)) < 0) {
      return option;
    }
  }
  return nullptr;
}

bool begins_a_filter(std::string_view word) {
  constexpr std::array<std::string_view, 13> kWords = {"host", "net",   "port", "portrange", "src",  "dst", "ip",
                                                       "ip6",  "proto", "tcp",  "udp",       "icmp", "not"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

// "--filter 'icmp and host 10.0.0.1'": the words up to the next option.
std::string as_filter(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) {
    if (word.starts_with('-')) {
      break;
    }
    text += (text.empty() ? "" : " ") + word;
  }
  return "--filter '" + text + "'";
}

// Empty where it is not known.
std::string meant_by_stray(const LineReading& reading, std::span<const std::string> words) {
  if (find_option(reading.place(), "--filter") != nullptr && begins_a_filter(words.front())) {
    return as_filter(words);
  }
  const bool takes_port =
      find_option(reading.place(), "--interface") != nullptr && argument_at(*reading.place().command, 0) == nullptr;
  const std::string command = reading.place().line.substr(reading.place().line.find(' ') + 1);
  return takes_port && reading.so_far().interface.empty() ? "'" + command + " -i " + words.front() + "'" : "";
}

}  // namespace

int values_taken(const CLI::Option& option) {
  const int most = option.get_items_expected_max();
  return most > 1 && !option.get_allow_extra_args() ? 1 : most;
}

const CLI::Option* find_option(const CommandPlace& place, const std::string& name) {
  for (const CLI::App* level : place.levels) {
    if (const CLI::Option* option = level->get_option_no_throw(name)) {
      return option;
    }
  }
  return nullptr;
}

LineReading::LineReading(const CLI::App& program, std::span<const std::string> words)
    : place_(walk_commands(program, {}).place) {
  for (const std::string& word : words) {
    take(program, word);
    ++taken_;
  }
}

const CLI::Option* LineReading::next() const { return left_ > 0 ? open_ : argument_at(*place_.command, arguments_); }

void LineReading::take(const CLI::App& program, const std::string& word) {
  if (word.size() > 1 && word.starts_with('-')) {
    take_option(word);
  } else if (left_ > 0) {
    --left_;
    so_far_.interface = open_->check_lname("interface") ? word : so_far_.interface;
  } else {
    take_word(program, word);
  }
}

void LineReading::take_option(const std::string& word) {
  const std::size_t equals = word.find('=');
  open_ = find_option(place_, word.substr(0, equals));
  left_ = open_ != nullptr && equals == std::string::npos ? values_taken(*open_) : 0;
  so_far_.egress = so_far_.egress || (open_ != nullptr && open_->check_lname("egress"));
  so_far_.grouped = so_far_.grouped || (open_ != nullptr && open_->check_lname("by"));
}

void LineReading::take_word(const CLI::App& program, const std::string& word) {
  std::vector<std::string> line = line_;
  line.push_back(word);
  CommandPlace place = walk_commands(program, line).place;
  if (place.command == place_.command) {
    take_argument(word);
    return;
  }
  place_ = std::move(place);
  line_ = std::move(line);
  arguments_ = 0;
  so_far_.arguments = false;
}

void LineReading::take_argument(const std::string& word) {
  const CLI::Option* argument = argument_at(*place_.command, arguments_);
  if (argument == nullptr && place_.command->get_require_subcommand_min() == 0 && !stray_) {
    stray_ = taken_;
  }
  if (argument != nullptr && argument->get_type_name().starts_with(kSetType)) {
    so_far_.set = word;
  }
  ++arguments_;
  so_far_.arguments = true;
}

std::optional<std::string> stray_word_error(const CLI::App& program, std::span<const std::string> words) {
  const LineReading reading(program, words);
  if (!reading.stray()) {
    return std::nullopt;
  }
  const auto rest = words.subspan(*reading.stray());
  const std::string meant = meant_by_stray(reading, rest);
  return "'" + rest.front() + "' is not expected here" + (meant.empty() ? "; " : "; did you mean " + meant + "? ") +
         reading.place().line + " --help says what is";
}

}  // namespace nicsentry
