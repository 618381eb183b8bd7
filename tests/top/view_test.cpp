// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/view.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/top/snapshots.h"

namespace nicsentry::top {
namespace {

using Named = Key::Named;
using test::press;
using test::session;
using test::snapshot;
using test::view_of;

std::string source_of(const View& view) {
  return view.selected_row() != nullptr ? view.selected_row()->source : "none";
}

TEST_CASE("top: the selection stays on its row when rows change places, and on the first place after Home") {
  View view = view_of(5);
  view.press({Named::down});
  view.press({Named::down});
  REQUIRE(source_of(view) == "192.0.2.2");
  Snapshot turned = snapshot(5);
  std::reverse(turned.table.rows.begin(), turned.table.rows.end());
  turned.table.rows.insert(turned.table.rows.begin(), session(77));
  view.take(view.question(), turned);
  CHECK(source_of(view) == "192.0.2.2");
  CHECK(view.selected() == 3);

  view.press({Named::home});
  CHECK(source_of(view) == "192.0.2.77");
  view.take(view.question(), snapshot(5));
  CHECK(source_of(view) == "192.0.2.0");
}

TEST_CASE("top: the selection of a row that is gone stays at its place, within the rows") {
  View view = view_of(5);
  view.press({Named::end});
  REQUIRE(view.selected() == 4);
  view.take(view.question(), snapshot(2));
  CHECK(view.selected() == 1);
  view.take(view.question(), snapshot(0));
  CHECK(source_of(view) == "none");
  view.press({Named::down});
  view.press({Named::page_down});
  view.press({Named::up});
  CHECK(view.selected() == 0);
}

TEST_CASE("top: the selected row is always on the screen") {
  View view = view_of(50);
  view.fit(10, 0);
  for (int step = 0; step < 12; ++step) {
    view.press({Named::down});
  }
  CHECK(view.selected() == 12);
  CHECK(view.first() == 3);
  view.press({Named::page_down});
  CHECK(view.selected() == 22);
  CHECK(view.first() == 13);
  view.press({Named::end});
  CHECK(view.selected() == 49);
  CHECK(view.first() == 40);
  view.fit(20, 0);  // the terminal has grown: no place stays empty
  CHECK(view.first() == 30);
  view.press({Named::page_up});
  CHECK(view.selected() == 29);
  CHECK(view.first() == 29);
}

TEST_CASE("top: rows beyond those that were asked for are asked for when the selection comes there") {
  Snapshot long_one = snapshot(100);
  long_one.table.total = 5000;
  View view({"eth0", "", {}});
  view.take(view.question(), long_one);
  view.fit(10, 0);
  REQUIRE(view.press({Named::end}) == Reaction::ask);
  CHECK(view.question().limit == 1000);
  CHECK(view.selected() == 0);
  Snapshot longer = snapshot(1000);
  longer.table.total = 5000;
  view.take(view.question(), longer);
  CHECK(view.selected() == 999);
  press(view, 'r');  // other rows: as many as at the beginning
  CHECK(view.question().limit == 100);
  CHECK(view.selected() == 0);
}

TEST_CASE("top: a wrong filter leaves the one before in force, and its answer is shown") {
  View view = view_of(3);
  REQUIRE(press(view, 'f') == Reaction::show);
  REQUIRE(view.mode() == View::Mode::filter);
  test::type(view, "hots q");
  REQUIRE(view.press({Named::enter}) == Reaction::ask);
  const Question wrong = view.question();
  CHECK(wrong.filter == "hots q");
  view.take_refusal(wrong, "filter: syntax error");
  CHECK(view.question().filter.empty());
  CHECK(view.note() == "filter: syntax error");
  CHECK(view.note_is_error());
  CHECK(view.mode() == View::Mode::table);
}

TEST_CASE("top: a refusal of what is not asked any more says nothing") {
  View view = view_of(3);
  Question earlier = view.question();
  earlier.filter = "wrong";
  view.take_refusal(earlier, "filter: syntax error");
  CHECK(view.note().empty());
}

TEST_CASE("top: the filter's line is edited as a line is") {
  View view = view_of(3);
  press(view, 'f');
  test::type(view, "udp port 5");
  view.press({Named::backspace});
  view.press({Named::line_start});
  test::type(view, "x");
  view.press({Named::remove});
  view.press({Named::end});
  test::type(view, "3q");  // no key of the table
  CHECK(view.input().text() == "xdp port 3q");
  view.press({Named::escape});
  CHECK(view.question().filter.empty());
  press(view, 'f');
  CHECK(view.input().text().empty());
}

TEST_CASE("top: a block is asked for with the command that does it, and made after y only") {
  View view({"eth0", "10m", {}});
  view.take({}, snapshot(3));
  view.press({Named::down});
  CHECK(press(view, 'b') == Reaction::show);
  REQUIRE(view.mode() == View::Mode::confirm);
  CHECK(view.command_of(view.change()) == "nicsentry block 192.0.2.1 --for 10m -i eth0");
  CHECK(view.press({Named::enter}) == Reaction::show);
  CHECK(view.mode() == View::Mode::confirm);
  CHECK(press(view, 'n') == Reaction::show);
  CHECK(view.mode() == View::Mode::table);

  press(view, 'b');
  Snapshot turned = snapshot(3);
  std::reverse(turned.table.rows.begin(), turned.table.rows.end());
  view.take({}, turned);  // while the question stands
  CHECK(press(view, 'y') == Reaction::change);
  CHECK(view.change().address == "192.0.2.1");
  CHECK(view.change().kind == Change::Kind::block);
  CHECK_FALSE(view.change().yes);
}

TEST_CASE("top: what would cut off this host is blocked after a second question only") {
  View view = view_of(3);
  press(view, 'b');
  REQUIRE(press(view, 'y') == Reaction::change);
  view.take_result({view.change(), false, true, "it would cut off:\n  the gateway 192.0.2.0"});
  REQUIRE(view.mode() == View::Mode::confirm);
  CHECK(view.text() == "it would cut off:\n  the gateway 192.0.2.0");
  CHECK(view.command_of(view.change()) == "nicsentry block 192.0.2.0 --yes -i eth0");
  SECTION("no") {
    view.press({Named::escape});
    CHECK(view.mode() == View::Mode::table);
    press(view, 'b');
    CHECK_FALSE(view.change().yes);
  }
  SECTION("yes") {
    CHECK(press(view, 'y') == Reaction::change);
    CHECK(view.change().yes);
  }
}

TEST_CASE("top: rows that are no sources, and runs without a firewall, are not blocked") {
  Snapshot groups = snapshot(2);
  groups.table.rows[0].source.clear();
  View view({"", "", {}});
  view.take({}, groups);
  press(view, 'b');
  CHECK(view.mode() == View::Mode::table);
  CHECK(view.note() == "a row here is no source to block: press g and choose sessions or src");

  Snapshot without = snapshot(2);
  without.status.firewall = false;
  view.take({}, without);
  press(view, 'u');
  CHECK(view.mode() == View::Mode::table);
  CHECK(view.note_is_error());
}

TEST_CASE("top: unblock has no lifetime, and the only run needs no port") {
  View view({"", "10m", {}});
  view.take({}, snapshot(1));
  press(view, 'u');
  CHECK(view.command_of(view.change()) == "nicsentry unblock 192.0.2.0");
}

TEST_CASE("top: a pause keeps the rows, and still tells of a connection that is lost") {
  View view = view_of(3);
  CHECK(press(view, 'p') == Reaction::show);
  view.take({}, snapshot(9));
  CHECK(view.snapshot()->table.total == 3);
  view.take_failure("gone");
  CHECK(view.failure() == "gone");
  CHECK(press(view, 'p') == Reaction::ask);
  view.take({}, snapshot(9));
  CHECK(view.snapshot()->table.total == 9);
  CHECK(view.failure().empty());
}

TEST_CASE("top: a question that is asked in a pause is answered") {
  View view = view_of(3);
  press(view, 'p');
  REQUIRE(press(view, 'r') == Reaction::ask);
  view.take(view.question(), snapshot(4));
  CHECK(view.snapshot()->table.total == 4);
}

TEST_CASE("top: an answer to an earlier question does not take the place of the table") {
  View view = view_of(3);
  press(view, 'r');
  view.take({}, snapshot(9));
  CHECK(view.snapshot()->table.total == 3);
  CHECK_FALSE(view.shown_question().reversed);
}

TEST_CASE("top: menus choose the order and the grouping; an order that the groups do not have is left") {
  View view = view_of(3);
  press(view, 's');
  REQUIRE(view.mode() == View::Mode::sort);
  const auto duration = std::find(view.menu().words.begin(), view.menu().words.end(), "duration");
  REQUIRE(duration != view.menu().words.end());
  view.press({Named::home});
  for (auto step = view.menu().words.begin(); step != duration; ++step) {
    view.press({Named::down});
  }
  REQUIRE(view.press({Named::enter}) == Reaction::ask);
  CHECK(view.question().sort == "duration");

  press(view, 'g');
  REQUIRE(view.mode() == View::Mode::group);
  press(view, 'g');
  REQUIRE(view.press({Named::enter}) == Reaction::ask);
  CHECK(view.question().by == "src");
  CHECK(view.question().sort == "rate");

  press(view, 'g');
  CHECK(view.menu().words[view.menu().chosen] == "src");
  view.press({Named::escape});
  CHECK(view.question().by == "src");
}

TEST_CASE("top: a grouping of the command line is one of the menu") {
  View view({"", "", {"", "src/24"}});
  press(view, 'g');
  CHECK(view.menu().words[view.menu().chosen] == "src/24");
}

TEST_CASE("top: q and Ctrl-C end it; Ctrl-C everywhere") {
  View view = view_of(3);
  CHECK(press(view, 'q') == Reaction::quit);
  for (const char key : {'?', 'f', 's', 'b'}) {
    View other = view_of(3);
    press(other, key);
    CHECK(press(other, 'q') != Reaction::quit);
    View third = view_of(3);
    press(third, key);
    CHECK(third.press({Named::interrupt}) == Reaction::quit);
  }
  CHECK(view.press({Named::redraw}) == Reaction::redraw);
}

}  // namespace
}  // namespace nicsentry::top
