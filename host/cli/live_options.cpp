// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/live_options.h"

#include <algorithm>

#include "host/cli/controller_option.h"
#include "host/cli/option_checks.h"
#include "host/export/files/table.h"
#include "host/filter/session_filter.h"
#include "host/report/session_groups.h"
#include "host/report/table_order.h"

namespace nicsentry {

void add_live_options(CLI::App& command, LiveOptions& options) {
  add_controller_option(command, options.interface);
  command
      .add_option("--filter", options.query.filter,
                  "only sessions that match, as in pcap-filter(7); src is the client, dst the server")
      ->check(understood_by([](const std::string& text) { SessionFilter filter(text); }));
  command
      .add_option("--by", options.query.by, "sum up by what sessions have in common; src/24 or dst/24/64: by prefixes")
      ->check(words_understood_by(parse_grouping, {"src", "dst", "dport", "proto"}));
  command
      .add_option("--sort", options.query.sort,
                  "order: packets, bytes; rate, bits (of now); to-server, to-client, bytes-to-server, "
                  "bytes-to-client, in, out, dropped; of sessions duration, client, server, proto; with --by "
                  "sessions, name")
      ->capture_default_str();
  command.add_option("--limit", options.query.limit, "rows at most")
      ->check(whole_number(1, SessionsQuery::kLimitMost))
      ->capture_default_str();
}

void check_live_options(const LiveOptions& options) {
  const auto in_table = [&options](const std::string& word) { parse_table_order(word, !options.query.by.empty()); };
  if (const std::string wrong = understood_by(in_table)(options.query.sort); !wrong.empty()) {
    throw CLI::ValidationError("--sort", wrong);
  }
}

std::vector<std::string> live_table(const SessionsAnswer& answer, const SessionsQuery& query, unsigned width) {
  TableColumns columns;
  for (const ListedAttachment& attachment : answer.attachments) {
    columns.out = columns.out || attachment.hook == "tc-egress";
    columns.interfaces = columns.interfaces || attachment.interface != answer.attachments.front().interface;
  }
  columns.order = parse_table_order(query.sort, !query.by.empty());
  std::vector<RowExtras> extras;
  if (query.by.empty()) {
    std::vector<const SessionWindow*> sessions;
    for (const ListedSession& listed : answer.sessions) {
      sessions.push_back(&listed.session);
      extras.push_back({listed.rate, listed.interfaces});
    }
    return table_of(sessions, extras, columns, width);
  }
  columns.by = parse_grouping(query.by);
  std::vector<const SessionGroup*> groups;
  for (const ListedGroup& listed : answer.groups) {
    groups.push_back(&listed.group);
    extras.push_back({listed.rate, listed.interfaces});
  }
  return table_of(groups, extras, answer.sums.packets, columns, width);
}

}  // namespace nicsentry
