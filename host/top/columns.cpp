// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/columns.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "host/top/plain_text.h"

namespace nicsentry::top {
namespace {

constexpr std::size_t kBetween = 2;       // blanks between columns
constexpr std::size_t kLeastOfName = 21;  // "255.255.255.255:65535"
constexpr std::size_t kShortNumber = 6;   // "999.9k"

struct ShownColumn {
  std::string title;
  std::size_t least = 0;  // its width; of a name it grows with the room that there is
  bool is_name = false;
  std::function<std::string(const Row&)> text;
};

ShownColumn number(std::string title, std::function<std::string(const Row&)> text) {
  const std::size_t width = std::max(title.size(), kShortNumber);
  return {std::move(title), width, false, std::move(text)};
}

ShownColumn rate(std::string title, double Row::*member) {
  return number(std::move(title), [member](const Row& row) { return short_number(row.*member); });
}

ShownColumn count(std::string title, std::uint64_t Row::*member) {
  return number(std::move(title), [member](const Row& row) { return short_count(row.*member); });
}

ShownColumn name(std::string title, std::string Row::*member) {
  return {std::move(title), kLeastOfName, true, [member](const Row& row) { return printable(row.*member); }};
}

std::string protocol_shown(const Row& row) { return printable(row.protocol) + (row.dropped ? " dropped" : ""); }

std::string title_of(const std::string& by) {
  const auto is = [&by](const char* what) { return by.rfind(what, 0) == 0; };
  return is("src")     ? "SOURCE"
         : is("dst")   ? "DESTINATION"
         : is("dport") ? "SERVER PORT"
         : is("proto") ? "PROTOCOL"
                       : "NAME";
}

ShownColumn dropped_column() {
  return {"DROPPED", 7, false, [](const Row& row) { return std::string(row.dropped ? "yes" : ""); }};
}

// From the most to the least important.
std::vector<ShownColumn> columns_by_importance(const std::string& by) {
  std::vector<ShownColumn> columns;
  if (by.empty()) {
    columns.push_back(name("CLIENT", &Row::client));
    columns.push_back(name("SERVER", &Row::server));
  } else {
    columns.push_back(name(title_of(by), &Row::client));
    columns.push_back(count("SESSIONS", &Row::sessions));
  }
  columns.push_back(rate("PKTS/S", &Row::packets_per_second));
  columns.push_back(rate("BITS/S", &Row::bits_per_second));
  if (by.empty()) {
    constexpr std::size_t kProtocol = 14;  // "ICMPv6 dropped"
    columns.push_back({"PROTO", kProtocol, false, protocol_shown});
  }
  columns.push_back(count("PACKETS", &Row::packets));
  columns.push_back(count("BYTES", &Row::bytes));
  if (!by.empty()) {
    columns.push_back(dropped_column());
  }
  columns.push_back(count("PKTS>SRV", &Row::packets_client));
  columns.push_back(count("PKTS>CLI", &Row::packets_server));
  if (by.empty()) {
    constexpr std::size_t kInterface = 15;  // of Linux, at most
    columns.push_back({"INTERFACE", kInterface, false, [](const Row& row) { return printable(row.interfaces); }});
  }
  return columns;
}

bool is_text(const ShownColumn& column) {
  return column.is_name || column.title == "PROTO" || column.title == "INTERFACE" || column.title == "DROPPED";
}

// Those that have room, with widths that fill it as far as names take it.
std::vector<ShownColumn> chosen_columns(std::span<const Row> rows, const std::string& by, std::size_t width) {
  std::vector<ShownColumn> chosen;
  std::size_t taken = 0;
  for (ShownColumn& column : columns_by_importance(by)) {
    const std::size_t more = column.least + (chosen.empty() ? 0 : kBetween);
    if (taken + more > width) {
      break;
    }
    taken += more;
    chosen.push_back(std::move(column));
  }
  for (ShownColumn& column : chosen) {
    if (!column.is_name) {
      continue;
    }
    std::size_t wanted = column.least;
    for (const Row& row : rows) {
      wanted = std::max(wanted, column.text(row).size());
    }
    // Two names share what is left.
    const std::size_t names = &column == &chosen.front() && by.empty() && chosen.size() > 1 ? 2 : 1;
    const std::size_t grown = std::min(wanted - column.least, (width - taken) / names);
    column.least += grown;
    taken += grown;
  }
  return chosen;
}

}  // namespace

TableText table_text(std::span<const Row> rows, const std::string& by, std::size_t width) {
  const std::vector<ShownColumn> columns = chosen_columns(rows, by, width);
  TableText table;
  const auto line = [&](const auto& text_of) {
    std::string text;
    for (const ShownColumn& column : columns) {
      const std::string cell = text_of(column);
      text += text.empty() ? "" : std::string(kBetween, ' ');
      text += column.is_name    ? fitted_at_middle(cell, column.least)
              : is_text(column) ? fitted(cell, column.least)
                                : right_aligned(cell, column.least);
    }
    return fitted(std::move(text), width);
  };
  table.titles = line([](const ShownColumn& column) { return column.title; });
  for (const Row& row : rows) {
    table.rows.push_back(line([&row](const ShownColumn& column) { return column.text(row); }));
  }
  return table;
}

std::string whole_text(const Row& row) {
  if (row.server.empty()) {
    return printable(row.client);
  }
  return printable(row.client + " > " + row.server + " " + row.protocol +
                   (row.service.empty() ? "" : " (" + row.service + ")") + (row.dropped ? ", dropped" : "") +
                   (row.interfaces.empty() ? "" : ", on " + row.interfaces));
}

}  // namespace nicsentry::top
