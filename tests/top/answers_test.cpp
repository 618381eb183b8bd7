// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/answers.h"

#include <catch2/catch.hpp>
#include <utility>

#include "host/lockout/plain_address.h"
#include "host/report/table_order.h"

namespace nicsentry::top {
namespace {

TEST_CASE("top: a question is the query that the API takes") {
  CHECK(query_text(query_of({})) == "?sort=rate&limit=100");
  CHECK(query_text(query_of({"udp port 53", "src/24", "bytes", true, 7})) ==
        query_text({"udp port 53", "src/24", "bytes", false, 0, 7}));
}

TEST_CASE("top: reversed, numbers begin with the smallest and texts with the last one") {
  for (const bool grouped : {false, true}) {
    for (const std::string& word : table_order_words(grouped)) {
      CHECK_FALSE(query_of({"", "", word}).descending.has_value());
      const bool is_text = word == "client" || word == "server" || word == "proto" || word == "name";
      INFO(word);
      CHECK(query_of({"", "", word, true}).descending == std::optional(is_text));
    }
  }
}

ListedSession listed(const IpAddress& client, const IpAddress& server, Protocol protocol) {
  ListedSession one;
  one.session.client = {client, 40000};
  one.session.server = {server, 443};
  one.session.protocol = protocol;
  one.session.packets_server = 7;
  one.session.packets_client = 3;
  one.session.bytes_server = 700;
  one.session.bytes_client = 300;
  one.session.dropped = true;
  one.rate = {2.5, 2000};
  one.interfaces = "eth0";
  one.service = "https";
  return one;
}

IpAddress address(std::string_view text) { return parse_address(std::string(text)).value(); }

TEST_CASE("top: a session's client is the source that can be blocked") {
  SessionsAnswer answer;
  answer.start_ns = 1'000'000'000;
  answer.time_ns = 6'000'000'000;
  answer.window = 3;
  answer.total = 70;
  answer.sessions = {listed(address("2001:db8::1"), address("2001:db8::2"), Protocol::tcp),
                     listed(address("192.0.2.1"), address("192.0.2.2"), Protocol::icmp)};
  const Table table = table_of(answer);
  CHECK(table.window == 3);
  CHECK(table.elapsed == std::chrono::seconds(5));
  CHECK(table.total == 70);
  REQUIRE(table.rows.size() == 2);
  const Row& row = table.rows.front();
  CHECK(row.client == "[2001:db8::1]:40000");
  CHECK(row.server == "[2001:db8::2]:443");
  CHECK(row.source == "2001:db8::1");
  CHECK(row.packets_per_second == 2.5);
  CHECK(row.bits_per_second == 2000);
  CHECK(row.packets == 10);
  CHECK(row.bytes == 1000);
  CHECK(row.packets_server == 7);
  CHECK(row.packets_client == 3);
  CHECK(row.dropped);
  CHECK(table.rows.back().client == "192.0.2.1");
}

TEST_CASE("top: groups of sources can be blocked, other groups cannot") {
  for (const auto& [by, source] : {std::pair("src", "192.0.2.1"), std::pair("src/24", "192.0.2.1"),
                                   std::pair("dst", ""), std::pair("dport", "")}) {
    SessionsAnswer answer;
    answer.by = by;
    ListedGroup group;
    group.group.name = "192.0.2.1";
    group.group.sessions = 4;
    group.group.sessions_dropped = 2;
    group.group.packets_server = 10;
    answer.groups = {group};
    const Table table = table_of(answer);
    REQUIRE(table.rows.size() == 1);
    CHECK(table.rows[0].client == "192.0.2.1");
    CHECK(table.rows[0].server.empty());
    CHECK(table.rows[0].sessions == 4);
    CHECK(table.rows[0].packets == 10);
    CHECK(table.rows[0].dropped);
    CHECK(table.rows[0].source == source);
  }
}

TEST_CASE("top: samples of each attachment are its seconds") {
  TrafficAnswer answer;
  answer.attachments = {{"eth0", "xdp", "drv", {{1, {5, 500}, {2, 200}, 1, 3, 4}}}};
  const std::vector<Attachment> attachments = attachments_of(answer);
  REQUIRE(attachments.size() == 1);
  CHECK(attachments[0].interface == "eth0");
  REQUIRE(attachments[0].seconds.size() == 1);
  const Second& second = attachments[0].seconds[0];
  CHECK(second.packets == 5);
  CHECK(second.bytes == 500);
  CHECK(second.packets_dropped == 2);
  CHECK(second.bytes_dropped == 200);
  CHECK(second.lost_events == 1);
}

}  // namespace
}  // namespace nicsentry::top
