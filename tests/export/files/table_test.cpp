// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "host/export/files/summary_json.h"
#include "host/export/files/table.h"
#include "host/report/columns.h"
#include "tests/export/files/sample.h"

namespace nicsentry::output_table_test {

using namespace test;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// A report with long addresses, large numbers, several attachments and a name that is not ASCII.
WindowReport wide_report() {
  WindowReport report = sample_report();
  SessionWindow session = tcp_session();
  session.client = {ipv6(1), 65535};
  session.client.address.bytes.fill(0xfd);
  session.server = {session.client.address, 65534};
  session.packets_client = 18'446'744'073'709'551'615U;
  session.packets_server = 0;
  session.bytes_client = 18'446'744'073'709'551'615U;
  report.sessions.push_back(session);
  report.attachments.push_back(report.attachments.front());
  report.attachments[1].interface = "\u00e4\x1b[2J a long name of a capture.pcapng";
  for (Amount& amount : report.attachments[1].not_understood) amount.packets = 1'000'000'000'000;
  return report;
}

}  // namespace

TEST_CASE("the table summarizes a window") {
  CHECK(format_table(sample_report(), {0, 10}) ==
        "window 3: 2026-05-01 12:00:00.000 to 12:00:10.000 UTC, 10.000 s, 2 sessions, incoming packets only\n"
        "CLIENT          SERVER       PROTO  PKTS>SRV  PKTS>CLI  BYTES>SRV  BYTES>CLI  DURATION  PKTS/S  BITS/S\n"
        "10.0.0.1:34567  10.0.0.2:80  TCP           3         2      300 B     1.0 kB   2.000 s     0.5   1.0 k\n"
        "10.0.0.1        10.0.0.3     ICMP          1         0       84 B        0 B   0.000 s     0.1    67.2\n"
        "veth0 xdp/drv: 9 packets in = 4 on sessions + 2 unknown + 3 unparsed (not_ip 3)\n"
        "  rate: 0.9 packets/s, 1.2 k bits/s\n"
        "  sessions: 2 active, 2 new, 0 refused\n"
        "  events: 3 sent, 3 arrived, 0 lost, 0 left out\n");
}

TEST_CASE("a table of sources says for how many packets the server is only guessed") {
  WindowReport report = sample_report();
  TableOptions options{0, 5, parse_grouping("src")};
  const auto hint = Contains("--format hosts and --stream hosts count each address by what it sends and gets");
  CHECK_THAT(format_table(report, options), !Contains("guessed server"));
  SessionWindow session = tcp_session();  // a reflector's answers from a high port
  session.client.address = ipv4(10, 0, 1, 7);
  session.server_method = ServerMethod::lower_port;
  session.packets_client = 5;
  report.sessions.push_back(session);
  CHECK_THAT(
      format_table(report, options),
      Contains("10.0.1.7 with 53.8 % of their packets, 53.8 % with a guessed server, incoming packets only\n") && hint);
  options.by = parse_grouping("dport");
  CHECK_THAT(format_table(report, options), Contains("53.8 % with a guessed server") && hint);
  options.by = parse_grouping("proto");
  CHECK_THAT(format_table(report, options), !Contains("guessed server"));
  report.sessions.front().packets_client = 10'000;
  options.by = parse_grouping("src");
  CHECK_THAT(format_table(report, options), !Contains("guessed server"));
}

TEST_CASE("the table sums sessions up by what they have in common, those with the most packets first") {
  WindowReport report = sample_report();
  SessionWindow session = tcp_session();
  session.client.address = ipv4(10, 0, 1, 7);
  session.packets_client = 5;
  session.bytes_client = 500;
  report.sessions.push_back(session);
  TableOptions options{0, 1, parse_grouping("src")};
  auto lines = lines_of(format_table(report, options));
  REQUIRE(lines.size() > 4);
  CHECK(lines[0].ends_with(", 3 sessions of 2 sources, 10.0.1.7 with 53.8 % of their packets, incoming packets only"));
  CHECK(lines[1] == "SOURCE    SESSIONS  PKTS>SRV  PKTS>CLI  BYTES>SRV  BYTES>CLI  OF ALL PKTS  PKTS/S  BITS/S");
  CHECK(lines[2] == "10.0.1.7         1         5         2      500 B     1.0 kB       53.8 %     0.7   1.2 k");
  CHECK(lines[3] == "(1 more source)");
  options = {0, 10, parse_grouping("dst/24")};
  lines = lines_of(format_table(report, options));
  CHECK(lines[2] == "10.0.0.0/24         3         9         4      884 B     2.0 kB      100.0 %     1.3   2.3 k");
  options.by = parse_grouping("dport");
  lines = lines_of(format_table(report, options));
  CHECK_THAT(lines[1], Contains("SERVER PORT"));
  CHECK_THAT(lines[2], Contains("TCP 80 "));
  CHECK_THAT(lines[3], Contains("ICMP "));
}

TEST_CASE("where no row stands out, the first line says so") {
  WindowReport report = sample_report();
  report.sessions.clear();
  SessionWindow session = tcp_session();
  for (std::uint8_t host = 0; host < 10; ++host) {
    session.client.address = ipv4(10, 0, 9, host);
    report.sessions.push_back(session);
  }
  const TableOptions options{0, 3, parse_grouping("src")};
  CHECK_THAT(format_table(report, options),
             Contains(", 10 sessions of 10 sources, 10.0.9.0 with 10.0 % of their packets, incoming packets only\n"));
  session.client.address = ipv4(10, 0, 9, 99);
  report.sessions.push_back(session);
  const std::string table = format_table(report, options);
  CHECK_THAT(
      table,
      Contains(", 11 sessions of 11 sources, none with more than 9.1 % of their packets, incoming packets only\n"));
  CHECK_THAT(table, Contains("(8 more sources)\n"));
  report.sessions.clear();
  CHECK_THAT(format_table(report, options), Contains(" s, 0 sessions, incoming packets only\n"));
}

TEST_CASE("a table has columns for what came in and left, for interfaces, and for drops, where there are any") {
  WindowReport report = sample_report();
  report.sessions[0].out = {2, 1000};
  report.sessions[0].places = 3;
  report.sessions[1].places = 2;
  report.sessions[1].dropped = true;
  report.attachments[0].place = 1;
  report.attachments.push_back(report.attachments[0]);
  report.attachments[1].place = 2;
  CHECK_THAT(format_table(report, {}), !Contains("PKTS OUT") && !Contains("INTERFACE"));
  report.attachments[1].hook = "tc-egress";
  auto lines = lines_of(format_table(report, {}));
  CHECK_THAT(lines[1], EndsWith("BITS/S  PKTS IN  PKTS OUT"));
  CHECK_THAT(lines[2], EndsWith("  1.0 k        3         2"));
  CHECK_THAT(lines[3], EndsWith("   67.2        1         0"));
  report.attachments[1].interface = "veth1";
  lines = lines_of(format_table(report, {}));
  CHECK_THAT(lines[1], EndsWith("PKTS OUT  INTERFACE"));
  CHECK_THAT(lines[2], EndsWith("         2  veth0+veth1"));
  CHECK_THAT(lines[3], EndsWith("         0  veth1"));
  TableOptions options;
  options.by = parse_grouping("proto");
  lines = lines_of(format_table(report, options));
  CHECK_THAT(lines[1], EndsWith("OF ALL PKTS  DROPPED SESSIONS  PKTS/S  BITS/S  PKTS IN  PKTS OUT  INTERFACE"));
  CHECK_THAT(lines[3],
             Contains("ICMP ") && Contains("16.7 %                 1     0.1    67.2        1         0  veth1"));
}

TEST_CASE("a table's order is that of a column") {
  const WindowReport report = sample_report();  // TCP has more of everything
  TableOptions options{0, 1};
  for (const auto& [word, first] : {std::pair{"packets", "TCP"},
                                    {"bytes", "TCP"},
                                    {"duration", "TCP"},
                                    {"server", "TCP"},
                                    {"proto", "ICMP"},
                                    {"client", "ICMP"}}) {
    INFO(word);
    options.order = parse_table_order(word, false);
    CHECK_THAT(lines_of(format_table(report, options))[2], Contains(first));
  }
  options.by = parse_grouping("proto");
  options.order = parse_table_order("name", true);
  CHECK_THAT(lines_of(format_table(report, options))[2], Contains("ICMP"));
}

TEST_CASE("ports of servers have names on wish, and only where the system has one") {
  ServiceNames services;
  TableOptions options;
  options.services = &services;
  WindowReport report = sample_report();
  CHECK_THAT(format_table(report, options), Contains("10.0.0.1:34567  10.0.0.2:http  TCP"));
  report.sessions[0].server.port = 50001;
  CHECK_THAT(format_table(report, options), Contains("10.0.0.2:50001  TCP"));
  report.sessions[0].server.port = 80;
  options.by = parse_grouping("dport");
  const std::string table = format_table(report, options);
  CHECK_THAT(table, Contains("\nTCP http "));
  CHECK_THAT(table, Contains("\nICMP "));
  CHECK_THAT(table, Contains("of 2 server ports, TCP http with 83.3 % of their packets, incoming packets only\n"));
}

TEST_CASE("times are those of this machine on wish, and the zone is named") {
  const char* former = std::getenv("TZ");
  const std::string kept = former != nullptr ? former : "";
  setenv("TZ", "XST-5:30", 1);  // 5:30 east of Greenwich
  tzset();
  TableOptions options;
  options.local_time = true;
  const std::string local = format_table(sample_report(), options);
  const std::string utc = format_table(sample_report(), {});
  former != nullptr ? setenv("TZ", kept.c_str(), 1) : unsetenv("TZ");
  tzset();
  CHECK_THAT(local, StartsWith("window 3: 2026-05-01 17:30:00.000 to 17:30:10.000 XST, 10.000 s"));
  CHECK_THAT(utc, StartsWith("window 3: 2026-05-01 12:00:00.000 to 12:00:10.000 UTC, 10.000 s"));
}

TEST_CASE("lost, left-out and refused packets are in capitals") {
  WindowReport report = sample_report();
  Accounting& attachment = report.attachments[0];
  attachment.unknown.packets += 40;
  attachment.unknown_events_sent += 10;
  attachment.sessions_refused = 5;
  const std::string table = format_table(report, {120, 10});
  CHECK_THAT(table, Contains("2 active, 2 new, 5 REFUSED\n"));
  CHECK_THAT(table, Contains("13 sent, 3 arrived, 10 LOST, 30 LEFT OUT\n"));
}

TEST_CASE("the sessions with the most packets come first, of equal ones the older") {
  WindowReport report = sample_report();
  SessionWindow session = tcp_session();
  for (std::uint64_t id = 9; id < 12; ++id) {
    session.id = id;
    session.client.port = static_cast<std::uint16_t>(id);
    session.packets_client = id == 11 ? 100 : 3;
    report.sessions.push_back(session);
  }
  const auto lines = lines_of(format_table(report, {120, 3}));
  REQUIRE(lines.size() > 5);
  CHECK_THAT(lines[2], Contains("10.0.0.1:11 "));
  CHECK_THAT(lines[3], Contains("10.0.0.1:34567 "));
  CHECK_THAT(lines[4], Contains("10.0.0.1:9 "));
  CHECK(lines[5] == "(2 more sessions)");
}

TEST_CASE("an inexact duration has a mark") {
  WindowReport report = sample_report();
  report.sessions[0].last_packet_uncertainty_ns = 100'000'000;
  CHECK_THAT(format_table(report, {120, 10}), Contains(" ~2.000 s  "));
}

TEST_CASE("a session of which packets were dropped has a mark, behind its VLANs") {
  WindowReport report = sample_report();
  report.sessions[1].dropped = true;
  auto lines = lines_of(format_table(report, {120, 10}));
  CHECK_THAT(lines[2], Contains("  TCP  "));
  CHECK_THAT(lines[3], Contains("  ICMP dropped  "));
  report.sessions[1].vlans = {10, 0};
  lines = lines_of(format_table(report, {120, 10}));
  CHECK_THAT(lines[3], Contains("  ICMP vlan 10 dropped  "));
}

TEST_CASE("a window without packets is one line") {
  WindowReport report;
  report.end_ns = 50'000'000;
  CHECK(format_table(report, {80, 10}) ==
        "window 0: 1970-01-01 00:00:00.000 to 00:00:00.050 UTC, 0.050 s, 0 sessions\n");
}

TEST_CASE("no line exceeds the width, and all characters are printable ASCII") {
  const WindowReport report = wide_report();
  for (unsigned width = 1; width <= 250; ++width) {
    CAPTURE(width);
    for (const std::string& line : lines_of(format_table(report, {width, 10}))) {
      CAPTURE(line);
      REQUIRE(line.size() <= width);
      REQUIRE(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    }
  }
}

TEST_CASE("the column of the order is the last to go") {
  WindowReport report = sample_report();
  report.sessions[0].client = {ipv6(1), 65535};
  report.sessions[0].server = {ipv6(2), 443};
  report.attachments[0].hook = "tc-egress";
  report.sessions[0].dropped = true;
  constexpr unsigned narrowest = 30;  // 15 of an address, and the longest of these titles
  const auto check = [&report](TableOptions options, const std::string& first, const std::string& title) {
    for (options.width = narrowest; options.width < 200; ++options.width) {
      CAPTURE(options.width, title);
      const auto lines = lines_of(format_table(report, options));
      const auto titles =
          std::find_if(lines.begin(), lines.end(), [&first](const auto& line) { return line.starts_with(first); });
      REQUIRE(titles != lines.end());
      CHECK_THAT(*titles, Contains(title));
    }
  };
  for (const auto& [word, title] : {std::pair{"bytes", "BITS/S"},
                                    {"to-client", "PKTS>CLI"},
                                    {"bytes-to-server", "BYTES>SRV"},
                                    {"bytes-to-client", "BYTES>CLI"},
                                    {"in", "PKTS IN"},
                                    {"out", "PKTS OUT"},
                                    {"duration", "DURATION"},
                                    {"proto", "PROTO"}}) {
    check({0, 10, std::nullopt, parse_table_order(word, false)}, "CLIENT", title);
  }
  check({0, 10, parse_grouping("src"), parse_table_order("dropped", true)}, "SOURCE", "DROPPED SESSIONS");
  check({0, 10, parse_grouping("src"), parse_table_order("sessions", true)}, "SOURCE", "SESSIONS");
}

TEST_CASE("columns go before an address is cut") {
  WindowReport report = sample_report();
  report.sessions[0].client = {ipv6(1), 65535};
  report.sessions[0].server = {ipv6(2), 443};
  const std::string all = lines_of(format_table(report, {0, 10}))[1];
  REQUIRE_THAT(all, Catch::Matchers::EndsWith("BITS/S"));
  for (auto width = static_cast<unsigned>(all.size()) - 1; width >= 40; --width) {
    CAPTURE(width);
    const auto lines = lines_of(format_table(report, {width, 10}));
    const auto titles =
        std::find_if(lines.begin(), lines.end(), [](const auto& line) { return line.starts_with("CLIENT"); });
    REQUIRE(titles != lines.end());
    CHECK_THAT(*titles, !Contains("BITS/S"));
    CHECK_THAT(*(titles + 1), Contains("[2001:db8::1]:65535  [2001:db8::2]:443"));
  }
}

TEST_CASE("addresses that are too wide alone are cut in their middle, beside the packets") {
  const auto lines = lines_of(format_table(wide_report(), {90, 1}));
  CHECK_THAT(lines[2], Catch::Matchers::EndsWith("PKTS>CLI"));  // below a title of two lines
  CHECK_THAT(lines[3], Catch::Matchers::StartsWith("[fdfd:"));
  CHECK_THAT(lines[3], Contains(".."));
  CHECK_THAT(lines[3], Contains(":65535"));
}

TEST_CASE("a window of one direction says so") {
  WindowReport report = sample_report();
  CHECK_THAT(format_table(report, {}), Contains("2 sessions, incoming packets only\n"));
  report.attachments.push_back(report.attachments[0]);
  report.attachments[1].hook = "tc-egress";
  CHECK_THAT(format_table(report, {}), Contains("2 sessions\n"));
  report.attachments.pop_back();
  report.attachments[0].mode = "replay";
  CHECK_THAT(format_table(report, {}), Contains("2 sessions\n"));
}

TEST_CASE("without a width the table is as wide as its content") {
  const std::string table = format_table(wide_report(), {0, 10});
  CHECK_THAT(table, Contains("[fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd]:65535"));
  CHECK_THAT(table, Contains("18.4 EB"));
}

TEST_CASE("a window's JSON names an attachment's accounting like the columns of windows") {
  const auto object = window_json(sample_report());
  CHECK(object["window"] == 3);
  CHECK(object["sessions"] == 2);
  CHECK(object["packets_in"] == 9);
  CHECK(object["bytes_in"] == 1468);
  std::vector<std::string> names;
  for (const auto& column : window_row_columns()) names.push_back(column.name);
  std::vector<std::string> seen{"window", "start_ns", "end_ns"};
  for (const auto& field : object["planes"][0].items()) seen.push_back(field.key());
  CHECK(seen == names);
}

TEST_CASE("a program that was off its hook is told of, with the time, in the table and in JSON") {
  WindowReport report = sample_report();
  Outage outage;
  outage.interface = "eth0";
  outage.hook = "tc-egress";
  outage.mode = "tc";
  outage.reason = "the program was taken off";
  outage.since_ns = report.start_ns;
  report.outages.push_back(outage);
  outage.until_ns = report.start_ns;
  report.outages.push_back(outage);
  const std::string table = format_table(report, {0, 10});
  CHECK_THAT(table, Contains("eth0 tc-egress/tc: NOT ON ITS HOOK since "));
  CHECK_THAT(table, Contains(": the program was taken off\n"));
  CHECK_THAT(table, Contains("eth0 tc-egress/tc: WAS OFF ITS HOOK, back at "));
  const auto outages = window_json(report)["outages"];
  REQUIRE(outages.size() == 2);
  CHECK(outages[0]["until_ns"].is_null());
  CHECK(outages[0]["since_ns"] == report.start_ns);
  CHECK(outages[1]["until_ns"] == report.start_ns);
  CHECK(outages[1]["reason"] == "the program was taken off");
  CHECK(window_json(sample_report())["outages"].empty());
}

TEST_CASE("programs of a user's own that stood beside the analyser are named, in the table and in JSON") {
  WindowReport report = sample_report();
  CHECK(window_json(report)["user_programs"].dump() == "[]");
  report.user_programs = {{"mine", "eth0", "tc-ingress", "tc", "counting", 7, 200},
                          {"other", "eth0", "xdp", "drv", "dropping", 8, 0}};
  const std::string table = format_table(report, {0, 10});
  CHECK_THAT(table, Contains("eth0 tc-ingress/tc: 'mine' of your own, priority 200\n"));
  CHECK_THAT(table, Contains("eth0 xdp/drv: 'other' of your own\n"));
  const auto programs = window_json(report)["user_programs"];
  REQUIRE(programs.size() == 2);
  CHECK(programs[0]["name"] == "mine");
  CHECK(programs[0]["priority"] == 200);
  CHECK(programs[1]["hook"] == "xdp");
  CHECK_FALSE(programs[1].contains("priority"));
}

TEST_CASE("the causes of unparsed packets have different names") {
  std::vector<std::string> names;
  names.reserve(CAUSES);
  for (const not_understood cause : kCauses) names.emplace_back(cause_name(cause));
  CHECK(names == std::vector<std::string>{"not_ip", "vlan_depth", "truncated", "malformed", "later_fragment",
                                          "protocol", "extensions"});
}

}  // namespace nicsentry::output_table_test
