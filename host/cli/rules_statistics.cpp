// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/rules_statistics.h"

#include <sstream>

#include "host/cli/json_text.h"
#include "host/cli/text_table.h"

namespace nicsentry {
namespace {

using nlohmann::json;

void add_row(TextTable& table, const json& counts, const std::string& what) {
  table.add({member_text(counts, "packets"), member_text(counts, "bytes"), what});
}

std::string tables_line(const json& tables) {
  std::string line;
  for (const auto& figure : tables.items()) {
    line += (line.empty() ? "tables: " : ", ") + figure.key() + " " + figure.value().dump();
  }
  return line.empty() ? line : line + "\n";
}

}  // namespace

std::string rules_statistics(const json& chain, const std::string& text) {
  std::istringstream lines(text);
  std::string title;
  std::getline(lines, title);
  TextTable table({{"PACKETS", true}, {"BYTES", true}, {"DECIDED BY"}});
  const json nothing = json::object();
  add_row(table, chain.value("blocked", nothing), "blocked");
  const bool established = chain.value("accept_established", true);
  add_row(table, chain.value("established", nothing), established ? "established" : "established (off)");
  // The text's last line is the default's.
  std::vector<json> counts = chain.value("rules", std::vector<json>());
  counts.push_back(chain.value("default", nothing));
  std::string line;
  for (std::size_t i = 0; std::getline(lines, line) && i < counts.size(); ++i) {
    add_row(table, counts[i], line.substr(line.find_first_not_of('\t')));
  }
  add_row(table, chain.value("dropped", nothing), "dropped in all");
  return title + "\n" + table.text() + tables_line(chain.value("tables", nothing));
}

}  // namespace nicsentry
