// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/rule_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "host/base/error.h"
#include "host/rules/language/field_text.h"
#include "host/rules/language/number_fields.h"
#include "host/rules/language/other_tools.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

using nlohmann::json;

constexpr std::array kActionWords = {"drop", "accept", "forward", "log", "count", "limit"};
constexpr std::array kLists = {"in", "out", "src", "dst"};  // JSON has several values of these as a list
constexpr const char* kLog = "log";                         // the field
constexpr const char* kActionsAllowed = "drop, accept, log, count or limit";

bool is_listed(std::span<const char* const> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [name](const char* known) { return name == known; });
}

// The field as rules have it, in whatever case it is written.
std::string field_named(std::string_view name) {
  for (const char* field : rule_fields()) {
    if (same_word(field, name)) return field;
  }
  return {};
}

// "true", "false", or one of how many packets, as in "log=100".
json log_value(std::string_view text) {
  if (same_word(text, "true") || same_word(text, "false")) return same_word(text, "true");
  std::uint32_t every = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), every);
  if (error != std::errc() || end != text.data() + text.size()) return text;
  return {{"every", every}};
}

json field_value(const std::string& field, std::string_view text) {
  if (field == kLog) return log_value(text);
  if (!is_listed(kLists, field) || text.find(',') == std::string_view::npos) return text;
  json list = json::array();
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    list.push_back(trimmed(text.substr(0, comma)));
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return list;
}

// The field of a word that is a value: "tcp", "new". Empty for any other.
std::string field_of_value(const std::string& word) {
  const bool number = !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
  if (!number && parse_protocol(word)) return "l4proto";
  return parse_state(word) ? "conntrack" : "";
}

class WordsReader {
 public:
  json read(std::span<const std::string> words) {
    for (const std::string& word : words) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) {
        read_bare(word);
      } else {
        read_field(word.substr(0, equals), std::string_view(word).substr(equals + 1));
      }
    }
    if (!fields_.contains("action") && !mistaken_) {
      errors_.push_back(std::string("action: missing, allowed is ") + kActionsAllowed);
    }
    if (errors_.empty()) parse_rule(fields_, 0, errors_);
    if (!errors_.empty()) fail();
    return std::move(fields_);
  }

 private:
  void read_bare(const std::string& word) {
    if (const auto action = parse_action(word)) return set_action(word, *action);
    std::string error = excerpt(std::string_view(word));
    if (const std::string field = field_named(word); !field.empty()) {
      error += ": allowed is " + field + "=VALUE, in one word";
    } else if (const std::string with_field = address_with_field(word); !with_field.empty()) {
      error += ": allowed is an address with its field, " + with_field;
    } else if (!field_of_value(word).empty()) {
      error += ": allowed is a value with its field, " + field_of_value(word) + "=" + word;
    } else if (same_word(word, "ingress") || same_word(word, "egress")) {
      error += ": allowed is --egress for the egress chain, nothing for ingress";
    } else {
      mistaken_ = true;  // for an action
      error += std::string(": allowed are an action (") + kActionsAllowed + ") and FIELD=VALUE words" +
               value_hint(word, kActionWords);
    }
    errors_.push_back(std::move(error));
  }

  // "drop log" is a rule that drops and logs, in either order.
  void set_action(const std::string& word, RuleAction action) {
    const auto former = fields_.find("action");
    if (former == fields_.end() || fields_.contains(kLog)) return set("action", word);
    if (action == RuleAction::log) return set(kLog, "true");
    if (parse_action(former->get<std::string>()) != RuleAction::log) return set("action", word);
    *former = word;
    set(kLog, "true");
  }

  void read_field(const std::string& name, std::string_view value) {
    const std::string field = field_named(name);
    if (!field.empty()) return set(field, value);
    std::string allowed;
    for (const char* known : rule_fields()) allowed += (allowed.empty() ? "" : ", ") + std::string(known);
    errors_.push_back(excerpt(std::string_view(name)) + ": unknown field, allowed are " + allowed +
                      field_hint(name, rule_fields()));
  }

  void set(const std::string& field, std::string_view value) {
    if (fields_.contains(field)) {
      errors_.push_back(field + ": read twice, allowed is once, several values with commas between");
    } else {
      fields_[field] = field_value(field, value);
    }
  }

  [[noreturn]] void fail() const {
    std::string text;
    for (const std::string& error : errors_) text += (text.empty() ? "" : "\n") + error;
    throw Error(text);
  }

  json fields_ = json::object();
  RuleErrors errors_;
  bool mistaken_ = false;
};

}  // namespace

json read_rule_words(std::span<const std::string> words) { return WordsReader().read(words); }

std::vector<std::string> rule_word_beginnings() {
  std::vector<std::string> beginnings(kActionWords.begin(), kActionWords.end());
  for (const char* field : rule_fields()) {
    if (std::string_view(field) != "action") beginnings.push_back(std::string(field) + "=");
  }
  return beginnings;
}

std::vector<std::string> rule_word_values(std::string_view field) {
  if (field == "l4proto") return protocol_name_list();
  for (const NumberField number : kNumberFields) {
    if (field == number_field_name(number)) return number_words(number);
  }
  if (field == "tcpflags") return tcp_flag_name_list();
  if (field == "conntrack") return {"NEW", "ESTABLISHED", "RELATED", "INVALID"};
  if (field == "action") return {kActionWords.begin(), kActionWords.end()};
  if (field == kLog) return {"true", "false"};
  if (field == "per") return {"rule", "source", "destination"};
  return {};
}

std::string address_with_field(const std::string& word) {
  try {
    AddressMatch match;
    add_address_term(word, match);
  } catch (const Error&) {
    return {};
  }
  return "src=" + word + " or dst=" + word;
}

}  // namespace nicsentry
