// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/layout.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "host/top/columns.h"
#include "host/top/plain_text.h"
#include "tests/top/snapshots.h"

namespace nicsentry::top {
namespace {

using Named = Key::Named;
using test::press;
using test::snapshot;
using test::view_of;

constexpr std::array kSizes{ScreenSize{80, 24}, ScreenSize{120, 40}, ScreenSize{200, 60}};

std::string all_of(const Frame& frame) {
  std::string text;
  for (const Line& line : frame.lines) {
    text += line.text + "\n";
  }
  return text;
}

std::size_t line_with(const Frame& frame, const std::string& text) {
  const auto found = std::find_if(frame.lines.begin(), frame.lines.end(),
                                  [&text](const Line& line) { return line.text.find(text) != std::string::npos; });
  INFO(text << " in:\n" << all_of(frame));
  REQUIRE(found != frame.lines.end());
  return static_cast<std::size_t>(found - frame.lines.begin());
}

void check_fits(const Frame& frame, ScreenSize size) {
  INFO(size.columns << "x" << size.lines << "\n" << all_of(frame));
  CHECK(frame.lines.size() == size.lines);
  for (const Line& line : frame.lines) {
    CHECK(line.text.size() <= size.columns);
    CHECK(std::all_of(line.text.begin(), line.text.end(), [](char one) { return one >= ' ' && one <= '~'; }));
  }
}

TEST_CASE("top: every mode fits every screen, with a line for each of its lines") {
  for (const ScreenSize size : kSizes) {
    for (const char key : {'x', '?', 'f', 's', 'g', 'b', 'u', 'p'}) {
      for (const unsigned rows : {0U, 1U, 1000U}) {
        View view = view_of(rows);
        press(view, key);
        check_fits(lay_out(view, size), size);
      }
    }
    check_fits(lay_out(View({"", "", {}}), size), size);
  }
}

TEST_CASE("top: a terminal that is too small says what it needs, whatever its size") {
  const View view = view_of(3);
  for (const ScreenSize size :
       {ScreenSize{60, 10}, ScreenSize{79, 24}, ScreenSize{80, 23}, ScreenSize{1, 1}, {200, 2}}) {
    check_fits(lay_out(view, size), size);
  }
  CHECK(all_of(lay_out(view, {60, 10})).find("needs 80 columns and 24 lines") != std::string::npos);
}

TEST_CASE("top: the head names run, ports, firewall, window and clock") {
  for (const ScreenSize size : kSizes) {
    const Frame frame = lay_out(view_of(3), size);
    const std::string& title = frame.lines.front().text;
    INFO(title);
    for (const char* part :
         {"nicsentry 0.2.0 run 4711", "eth0", "firewall yes", "window 7, 1 m 15 s", "22:13:20 UTC"}) {
      CHECK(title.find(part) != std::string::npos);
    }
  }
}

TEST_CASE("top: a port's line has packets, bits and drops of the last second, and a bar of the minute") {
  const Frame narrow = lay_out(view_of(3), {80, 24});
  const std::string& line = narrow.lines[line_with(narrow, "eth0 in (drv)")].text;
  INFO(line);
  CHECK(line.find("  1.2k pkt/s   1.2M bit/s  dropped    5.0 pkt/s") != std::string::npos);
  CHECK(line.find("@]") != std::string::npos);
  const Frame wide = lay_out(view_of(3), {200, 60});
  const std::string& wide_line = wide.lines[line_with(wide, "eth0 in (drv)")].text;
  INFO(wide_line);
  CHECK(wide_line.find("5.0 pkt/s   4.0k bit/s") != std::string::npos);
  CHECK(wide_line.find("[" + std::string(59, ' ') + "@]") != std::string::npos);
}

TEST_CASE("top: a bar has the newest second at its right, and its largest character for the most packets") {
  std::vector<Second> seconds(60);
  for (std::size_t second = 0; second < seconds.size(); ++second) {
    seconds[second].packets = static_cast<double>(second);
  }
  const std::string bar = history_bar(seconds, 60);
  CHECK(bar.front() == ' ');
  CHECK(bar.back() == '@');
  CHECK(std::is_sorted(bar.begin(), bar.end(), [](char left, char right) {
    constexpr std::string_view kLevels = " .:-=+*#%@";
    return kLevels.find(left) < kLevels.find(right);
  }));
  CHECK(history_bar({}, 5) == "     ");
  CHECK(history_bar({{7}}, 4) == "   @");
  CHECK(history_bar(std::vector<Second>(60), 3) == "   ");
  // A second of sixty is in the part of the bar that has it.
  std::vector<Second> once(60);
  once[29].packets = 1;
  CHECK(history_bar(once, 2) == "@ ");
  CHECK(history_bar(once, 20).find('@') == 9);
}

TEST_CASE("top: rows have the rates, the selected one is marked, and its whole name stands below") {
  for (const ScreenSize size : kSizes) {
    View view = view_of(3);
    view.press({Named::down});
    const Frame frame = lay_out(view, size);
    const std::size_t titles = line_with(frame, "CLIENT");
    CHECK(frame.lines[titles].style == Style::heading);
    for (const char* title : {"SERVER", "PKTS/S", "BITS/S", "PROTO"}) {
      CHECK(frame.lines[titles].text.find(title) != std::string::npos);
    }
    const Line& first = frame.lines[titles + 1];
    INFO(all_of(frame));
    CHECK(first.text.find("192.0.2.0:40000") == 0);
    CHECK(first.text.find(" 1.0k ") != std::string::npos);
    CHECK(first.text.find(" 8.0M ") != std::string::npos);
    CHECK(first.style == Style::plain);
    CHECK(frame.lines[titles + 2].style == Style::selected);
    CHECK(frame.lines[size.lines - 2].text.find("2/3  192.0.2.1:40000 > 198.51.100.1:443 TCP") != std::string::npos);
  }
}

TEST_CASE("top: a long name loses its middle where there is no room, and nothing where there is") {
  Row row = test::session(1);
  row.client = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535";
  row.server = "[2001:db8:1111:2222:3333:4444:5555:6666]:443";
  const std::vector<Row> rows{row};
  const TableText narrow = table_text(rows, "", 80);
  INFO(narrow.rows.front());
  CHECK(narrow.rows.front().size() == 80);
  CHECK(narrow.rows.front().find("[2001:db8") == 0);
  CHECK(narrow.rows.front().find(":65535") != std::string::npos);
  const TableText wide = table_text(rows, "", 200);
  INFO(wide.rows.front());
  CHECK(wide.rows.front().find(row.client) != std::string::npos);
  CHECK(wide.rows.front().find(row.server) != std::string::npos);
}

TEST_CASE("top: names from the network have no control characters on the screen") {
  Snapshot evil = snapshot(1);
  evil.table.rows[0].client = "a\x1b[2Jb\n\xc3\xa4";
  evil.table.rows[0].service = "\x07";
  evil.attachments[0].interface = "e\x1bth";
  evil.status.outages.push_back({"e\x1b", "xdp", "drv", "be\ncause\x7f", 0});
  View view({"", "", {}});
  view.take({}, evil);
  view.take_failure("line\x1b[31m\nother");
  for (const ScreenSize size : kSizes) {
    check_fits(lay_out(view, size), size);
  }
  view.take_result({{}, false, false, "two\nlines\x1b[5m"});
  check_fits(lay_out(view, kSizes[0]), kSizes[0]);
}

TEST_CASE("top: what is lost, off its hook, unsaved or unconfirmed has a line of its own") {
  Snapshot now = snapshot(1);
  CHECK(alerts(view_of(1)).empty());
  now.attachments[0].seconds[30].lost_events = 3;
  now.status.outages.push_back({"eth0", "xdp", "drv", "taken off", 0});
  now.status.enforced.unsaved = "the rules: ENOSPC";
  now.status.summary.emplace().unconfirmed = Unconfirmed{"the change of the ingress chain", 42};
  View view({"", "", {}});
  view.take({}, now);
  const std::vector<std::string> expected{
      "eth0 xdp, mode drv: NOT ON ITS HOOK: taken off",
      "the change of the ingress chain is taken back in 42 s unless confirmed: nicsentry rules confirm",
      "NOT SAVED: the rules: ENOSPC", "eth0 xdp: 3 events LOST in the last minute"};
  CHECK(alerts(view) == expected);
  const Frame frame = lay_out(view, {80, 24});
  CHECK(frame.lines[1].style == Style::alert);
  CHECK(frame.lines[1].text.find("NOT ON ITS HOOK") != std::string::npos);
  CHECK(frame.lines[3].text.find("and 2 more") != std::string::npos);
  view.take_failure("no controller runs");
  CHECK(lay_out(view, {80, 24}).lines[1].text.find("NO CONNECTION, trying again: no controller runs") == 1);
}

TEST_CASE("top: that packets of a session were dropped is never cut") {
  Row row = test::session(1);
  row.protocol = "ICMPv6";
  row.dropped = true;
  for (const std::size_t width : {80U, 120U, 200U}) {
    CHECK(table_text(std::vector<Row>{row}, "", width).rows.front().find("ICMPv6 dropped") != std::string::npos);
  }
}

TEST_CASE("top: packets to the server are those that the client sent") {
  Row row = test::session(1);
  row.packets_client = 33;
  row.packets_server = 169;
  const TableText table = table_text(std::vector<Row>{row}, "", 200);
  const std::size_t to_server = table.titles.find("PKTS>SRV");
  REQUIRE(to_server != std::string::npos);
  CHECK(table.rows.front().substr(to_server, 8) == "      33");
  CHECK(table.rows.front().substr(table.titles.find("PKTS>CLI"), 8) == "     169");
}

TEST_CASE("top: groups have their title, sessions and drops") {
  const Question by_source{"", "src"};
  Snapshot now = snapshot(1);
  now.table.rows[0].client = "192.0.2.0";
  now.table.rows[0].server.clear();
  now.table.rows[0].sessions = 12;
  now.table.rows[0].dropped = true;
  View view({"", "", by_source});
  view.take(by_source, now);
  const Frame frame = lay_out(view, {80, 24});
  const std::size_t titles = line_with(frame, "SOURCE");
  CHECK(frame.lines[titles].text.find("SESSIONS") != std::string::npos);
  CHECK(frame.lines[titles + 1].text.find("192.0.2.0 ") == 0);
  CHECK(frame.lines[titles + 1].text.find(" 12 ") != std::string::npos);
  CHECK(frame.lines[titles + 1].text.find(" yes") != std::string::npos);
}

TEST_CASE("top: a filter that is longer than the screen is scrolled to its cursor") {
  View view = view_of(1);
  press(view, 'f');
  test::type(view, std::string(100, 'a') + "b");
  Frame frame = lay_out(view, {80, 24});
  REQUIRE(frame.cursor);
  CHECK(frame.cursor->first == 22);
  CHECK(frame.cursor->second < 80);
  CHECK(frame.lines[22].text.find("ab") != std::string::npos);
  view.press({Named::home});
  frame = lay_out(view, {80, 24});
  CHECK(frame.cursor->second == 9);
}

TEST_CASE("top: no line of the help is broken on the smallest screen") {
  View view = view_of(1);
  press(view, '?');
  const Frame whole = lay_out(view, {200, 60});
  const Frame narrow = lay_out(view, {80, 60});
  for (std::size_t line = 2; line < 40; ++line) {
    const auto text = [](const Frame& frame, std::size_t number) {
      const std::string& all = frame.lines[number].text;
      return all.substr(0, all.find_last_not_of(' ') + 1);
    };
    CHECK(text(narrow, line) == text(whole, line));
  }
}

TEST_CASE("top: the help can be scrolled to its end on the smallest screen") {
  View view = view_of(1);
  press(view, '?');
  Frame frame = lay_out(view, {80, 24});
  view.fit(frame.page, frame.scroll_end);
  CHECK(all_of(frame).find("Keys") != std::string::npos);
  REQUIRE(frame.scroll_end > 0);
  for (int step = 0; step < 100; ++step) {
    view.press({Named::down});
  }
  CHECK(all_of(lay_out(view, {80, 24})).find("'b' blocks this address") != std::string::npos);
  view.press({Named::up});
  CHECK(view.scrolled() == frame.scroll_end - 1);
}

TEST_CASE("top: numbers are short") {
  CHECK(short_number(0) == "0");
  CHECK(short_number(0.04) == "0.0");
  CHECK(short_number(9.94) == "9.9");
  CHECK(short_number(9.96) == "10");
  CHECK(short_number(999.4) == "999");
  CHECK(short_number(999.6) == "1.0k");
  CHECK(short_number(999'940) == "999.9k");
  CHECK(short_number(999'960) == "1.0M");
  CHECK(short_number(1e30).size() <= 16);
  CHECK(short_count(0) == "0");
  CHECK(short_count(7) == "7");
  CHECK(short_count(999) == "999");
  CHECK(short_count(1000) == "1.0k");
}

}  // namespace
}  // namespace nicsentry::top
