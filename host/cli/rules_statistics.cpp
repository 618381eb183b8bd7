// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/rules_statistics.h"

#include <sstream>
#include <vector>

#include "host/base/text_table.h"
#include "host/rules/language/chain_settings.h"

namespace nicsentry {
namespace {

void add_row(TextTable& table, const Counts& counts, const std::string& what) {
  table.add({std::to_string(counts.packets), std::to_string(counts.bytes), what});
}

// In the words of `rules check`.
std::string tables_line(const TableFigures& tables) {
  return "room in use: nodes of range-search trees " + std::to_string(tables.nodes) + " of " +
         std::to_string(tables.nodes_room) + ", elements of bit vectors " + std::to_string(tables.bits) + " of " +
         std::to_string(tables.bits_room) + "\n";
}

}  // namespace

std::string rules_statistics(const ChainAnswer& chain) {
  std::istringstream lines(chain.text);
  std::string title;
  std::getline(lines, title);
  TextTable table({{"PACKETS", true}, {"BYTES", true}, {"DECIDED BY"}});
  add_row(table, chain.blocked, "blocked");
  for (const auto& [cause, counts] : chain.unjudged) {
    if (counts.packets != 0) {
      add_row(table, counts, "unjudged: " + cause);
    }
  }
  add_row(table, chain.established, chain.accept_established ? "established" : "established (off)");
  // The text's last line is the default's.
  std::vector<Counts> counts;
  for (const CountedRule& rule : chain.rules) {
    counts.push_back(rule.counts);
  }
  counts.push_back(chain.by_default);
  std::string line;
  for (std::size_t i = 0; std::getline(lines, line) && i < counts.size(); ++i) {
    add_row(table, counts[i], line.substr(line.find_first_not_of('\t')));
  }
  if (chain.non_ip) {
    add_row(table, chain.dropped_non_ip, "no IP, of other EtherTypes than " + non_ip_json(chain.non_ip).dump());
  }
  add_row(table, chain.dropped, "dropped in all");
  return title + "\n" + table.text() + "unjudged: " + unjudged_name(chain.drop_unjudged) + "\n" +
         tables_line(chain.tables);
}

}  // namespace nicsentry
