// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "host/base/error.h"

namespace nicsentry {

// For CLI::Option::check: runs `parse` on the text of an option. A value at which it throws Error is then an error of
// usage, reported before anything is done.
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

// The description of a check, by which --help and the shells' completion list values: "{ddos,crypto,all}".
std::string listed_values(const std::vector<std::string>& words);

// "; did you mean 'drv'?", where one of these words was meant.
std::string hint_of_word(const std::string& word, const std::vector<std::string>& words);

// For CLI::Option::check: one of these words, which --help and the shells' completion list. An error names them, and
// the one that was meant.
CLI::Validator one_of(const std::vector<std::string>& words);

// For CLI::Option::check: understood_by() with the one of these words that was meant. --help and the shells' completion
// list them.
template <typename Parse>
CLI::Validator words_understood_by(Parse parse, const std::vector<std::string>& words) {
  const auto check = [understood = understood_by(parse), words](const std::string& text) {
    const std::string error = understood(text);
    return error.empty() ? error : error + hint_of_word(text, words);
  };
  return {check, listed_values(words)};
}

// For CLI::Option::check: a whole number in these bounds. An error names them.
CLI::Validator whole_number(std::uint64_t least, std::uint64_t most = std::numeric_limits<std::uint64_t>::max());

// understood_by() for all values of an option that takes several: every wrong one is reported, a line each. `values`
// gets the values.
template <typename Parse>
CLI::Option* add_values(CLI::App& command, const char* name, std::vector<std::string>& values, const char* what,
                        Parse parse) {
  return command.add_option_function<std::vector<std::string>>(
      name,
      [name, parse, &values](const std::vector<std::string>& given) {
        std::string errors;
        for (const std::string& text : given) {
          if (const std::string error = understood_by(parse)(text); !error.empty()) {
            errors += (errors.empty() ? "" : "\n") + std::string(name) + ": " + error;
          }
        }
        if (!errors.empty()) {
          throw CLI::ValidationError(errors);
        }
        values = given;
      },
      what);
}

}  // namespace nicsentry
