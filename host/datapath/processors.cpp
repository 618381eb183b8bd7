// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/processors.h"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <string>

#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr const char* kOnline = "/sys/devices/system/cpu/online";
constexpr int kMost = 1 << 16;

bool read_number(std::string_view& text, int& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || number >= kMost) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

std::vector<int> parse_processors(std::string_view list) {
  std::vector<int> processors;
  while (!list.empty() && list != "\n") {
    int first = 0;
    if (!read_number(list, first)) {
      return {};
    }
    int last = first;
    if (list.starts_with('-')) {
      list.remove_prefix(1);
      if (!read_number(list, last)) {
        return {};
      }
    }
    for (int processor = first; processor <= last; ++processor) {
      processors.push_back(processor);
    }
    if (list.starts_with(',')) {
      list.remove_prefix(1);
    } else if (!list.empty() && list != "\n") {
      return {};
    }
  }
  return processors;
}

std::vector<int> online_processors() {
  errno = 0;
  std::ifstream file(kOnline);
  std::string list;
  std::getline(file, list);
  std::vector<int> processors = parse_processors(list);
  if (processors.empty()) {
    throw SystemError(errno != 0 ? errno : EINVAL, std::string("reading ") + kOnline);
  }
  return processors;
}

}  // namespace nicsentry
