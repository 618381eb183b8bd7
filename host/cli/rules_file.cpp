// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/rules_file.h"

#include <cerrno>
#include <fstream>
#include <iostream>

#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/base/text_reading.h"
#include "host/rules/import/import.h"

namespace nicsentry {
namespace {

// How a text of this form becomes a ruleset; empty where it is none of another firewall.
std::string how_to_import(ForeignForm form, const std::string& path) {
  switch (form) {
    case ForeignForm::nft_json:
    case ForeignForm::iptables_save:
      return "nicsentry rules import " + path;
    case ForeignForm::nft_text:
      return "nft -j list ruleset | nicsentry rules import -";
    case ForeignForm::iptables_list:
      return "iptables-save | nicsentry rules import -";
    case ForeignForm::none:
      break;
  }
  return "";
}

}  // namespace

std::string text_of_file(const std::string& path) {
  if (path == "-") {
    return read_text(std::cin, "standard input");
  }
  std::ifstream file(path);
  if (!file) {
    throw SystemError(errno, "opening " + path);
  }
  return read_text(file, path);
}

nlohmann::json read_rules_file(const std::string& path) {
  const std::string text = text_of_file(path);
  if (const std::string how = how_to_import(foreign_form(text), path); !how.empty()) {
    throw Error("reading " + path + ": these are rules of another firewall; make a ruleset of them: " + how +
                " > rules.json");
  }
  try {
    return parse_json(text);
  } catch (const Error& error) {
    throw Error("reading " + path + ": " + error.what());
  }
}

}  // namespace nicsentry
