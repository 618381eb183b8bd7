// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/address_list.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/base/text_reading.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/lifetime.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

constexpr std::size_t kLinesNamed = 20;

// A line of the list. Lists have millions of lines, so errors are returned, not thrown.
struct ReadLine {
  std::optional<ListEntry> entry{};  // none: the line has no address, as a comment has none
  const char* wrong = nullptr;
};

// Removes the text up to the separator from the front of `text`, and the separator, and returns it.
std::string_view take_until(std::string_view& text, std::string_view separators) {
  const std::size_t end = std::min(text.find_first_of(separators), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return take_until(text, " \t");
}

ReadLine line_of(const ReadRange& read) {
  if (read.wrong != nullptr) {
    return {{}, read.wrong};
  }
  return {ListEntry{read.range}};
}

// An IPv6 address has colons too: without another letter, "name" is the beginning of a wrong address.
bool is_name(std::string_view text) {
  constexpr std::string_view kOfAddresses = "0123456789abcdefABCDEF:.";
  return text.find(':') == std::string_view::npos || text.find_first_not_of(kOfAddresses) != std::string_view::npos;
}

// "Some organization:203.0.113.0-203.0.113.255"
std::optional<AddressRange> p2p_range(std::string_view entry) {
  const std::size_t colon = entry.rfind(':');
  if (colon == std::string_view::npos || !is_name(entry.substr(0, colon))) {
    return std::nullopt;
  }
  const std::string_view text = entry.substr(colon + 1);
  const ReadRange read = read_address_range(text);
  const bool range = read.wrong == nullptr && text.find('-') != std::string_view::npos;
  return range ? std::optional(read.range) : std::nullopt;
}

// "203.0.113.0 <tab> 203.0.113.255 <tab> 24 <tab> ..."
ReadLine read_columns(std::string_view line) {
  const std::string_view first = trimmed(take_until(line, "\t"));
  const std::string_view last = trimmed(take_until(line, "\t"));
  if (first == "Start" && last == "End") {
    return {};  // the columns' names
  }
  const ReadRange range = read_address_range(std::string(first) + "-" + std::string(last));
  const std::string_view length = trimmed(take_until(line, "\t"));
  if (range.wrong == nullptr && !length.empty() &&
      read_address_range(std::string(first) + "/" + std::string(length)).range != range.range) {
    return {{}, "a prefix length that its addresses do not have"};
  }
  return line_of(range);
}

ReadLine read_object(std::string_view line) {
  nlohmann::json object;
  try {
    object = parse_json(line);
  } catch (const Error&) {
    return {{}, "no JSON object, or one with a key twice"};
  }
  const auto cidr = object.find("cidr");
  if (cidr == object.end()) {
    return object.contains("type") ? ReadLine{} : ReadLine{{}, "an object without \"cidr\""};
  }
  if (!cidr->is_string()) {
    return {{}, "\"cidr\" is no text"};
  }
  return line_of(read_address_range(trimmed(cidr->get_ref<const std::string&>())));
}

// Reads the lines of one input.
class ListReader {
 public:
  ReadLine read(std::string_view line) {
    line = trimmed(line);
    if (line.starts_with('{')) {
      return read_object(line);
    }
    std::string_view rest = line;
    const std::string_view word = take_word(rest);
    if (word == "add") {
      return read_ipset(rest);
    }
    if (word == "create") {
      return begin_ipset(rest);
    }
    if (word == "COMMIT" && trimmed(rest).empty()) {
      return {};
    }
    const std::string_view entry = trimmed(line.substr(0, line.find_first_of("#;")));
    return entry.empty() ? ReadLine{} : read_entry(entry);
  }

 private:
  static ReadLine read_entry(std::string_view entry) {
    const ReadRange read = read_address_range(entry);
    if (read.wrong == nullptr) {
      return {ListEntry{read.range}};
    }
    if (entry.find('\t') != std::string_view::npos) {
      return read_columns(entry);
    }
    if (const auto range = p2p_range(entry)) {
      return {ListEntry{*range}};
    }
    return {{}, entry.find(',') == std::string_view::npos ? read.wrong : "more than an address: a line has one"};
  }

  // A file of several sets is not the content of one.
  const char* enter(std::string_view set) {
    if (!ipset_) {
      ipset_ = set;
    }
    return *ipset_ == set ? nullptr : "of another set than the lines before";
  }

  ReadLine begin_ipset(std::string_view rest) { return {{}, enter(take_word(rest))}; }

  ReadLine read_ipset(std::string_view rest) {
    if (const char* wrong = enter(take_word(rest))) {
      return {{}, wrong};
    }
    ReadLine line = line_of(read_address_range(take_word(rest)));
    while (line.wrong == nullptr && !rest.empty()) {
      const std::string_view option = take_word(rest);
      if (option == "timeout") {
        line.wrong = read_timeout(take_word(rest), *line.entry);
      } else if (option == "nomatch") {
        line.wrong = "an exception (\"nomatch\"), which a set does not have";
      } else if (option == "comment") {
        break;  // the last option, a text in quotes
      }
    }
    return line;
  }

  // 0 is no timeout.
  static const char* read_timeout(std::string_view text, ListEntry& entry) {
    if (text == "0") {
      return nullptr;
    }
    entry.lifetime = parse_lifetime(text);
    return entry.lifetime ? nullptr : "a timeout is a number of seconds, at most a year";
  }

  std::optional<std::string> ipset_;
};

// A line as it stands, with its comment, in double quotes. Bytes that could move a terminal's cursor are '?'.
std::string quoted_line(std::string_view line) {
  constexpr std::size_t kMost = 200;
  std::string text(line.substr(0, kMost));
  const bool ascii = std::all_of(text.begin(), text.end(), [](char one) { return static_cast<signed char>(one) >= 0; });
  if (!ascii) {
    return excerpt(line);
  }
  std::replace(text.begin(), text.end(), '\t', ' ');
  std::replace_if(
      text.begin(), text.end(), [](char one) { return one < ' ' || one > '~'; }, '?');
  return '"' + text + '"' + (line.size() > kMost ? "..." : "");
}

}  // namespace

AddressList read_address_list(std::istream& input, const std::string& name) {
  const std::string content = read_text(input, name);
  std::string_view rest = content;
  // The byte order mark of UTF-8, with which some editors begin a file.
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());

  AddressList list;
  list.entries.reserve(static_cast<std::size_t>(std::count(rest.begin(), rest.end(), '\n')) + 1);
  ListReader reader;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::string_view line = take_until(rest, "\n");
    const ReadLine read = reader.read(line);
    if (read.wrong == nullptr) {
      if (read.entry) list.entries.push_back(*read.entry);
    } else if (++list.wrong <= kLinesNamed) {
      list.wrong_lines +=
          "\n  line " + std::to_string(number) + ": read " + quoted_line(trimmed(line)) + " (" + read.wrong + ")";
    }
  }
  if (list.wrong > kLinesNamed) list.wrong_lines += "\n  and " + std::to_string(list.wrong - kLinesNamed) + " more";
  return list;
}

void require_no_wrong_line(const AddressList& list, const std::string& name) {
  if (list.wrong > 0) {
    throw BadRequest("list of addresses '" + name + "': " + std::to_string(list.wrong) +
                     (list.wrong == 1 ? " wrong line" : " wrong lines") +
                     "; allowed is an address, a prefix or a range on each line, and comments after '#' or ';'" +
                     list.wrong_lines);
  }
}

}  // namespace nicsentry
