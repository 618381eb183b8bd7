// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/layout.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <span>
#include <string_view>

#include "host/top/columns.h"
#include "host/top/plain_text.h"

namespace nicsentry::top {
namespace {

constexpr std::size_t kMostAlerts = 3;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

constexpr std::string_view kHelp = R"(Keys
  Up, Down      move the selection; it stays on its row wherever that goes
  PgUp, PgDn    by a page
  Home, End     the first, the last row; after Home whichever is the first
  s             sort by another column
  r             reverse the order
  g             group by source, destination, server port or protocol
  f             filter: host 192.0.2.1, src net 10.0.0.0/8, tcp port 443
  b             block the source of the selected row, after a question
  u             unblock it
  p             pause; again: go on
  Ctrl-L        draw the screen anew
  q, Ctrl-C     quit

Rows are the sessions of the open window, packets and bytes since it began.
PKTS/S and BITS/S are rates of the last one to two seconds.
'dropped': the firewall dropped packets of it.

A line for each hook of each port has the rates of the last second. Its bar
is the last minute by packets, the newest at the right: from ' ' (none) over
'.:-=+*#%' to '@' (the most of that minute).

CLIENT is who began the session: 'b' blocks this address.
)";

std::vector<std::string> lines_of(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string line = printable(std::string(text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (line.size() > width) {
      const std::size_t blank = line.rfind(' ', width);
      const std::size_t cut = blank == std::string::npos || blank < width / 2 ? width : blank;
      lines.push_back(line.substr(0, cut));
      line.erase(0, cut);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string clock_text(TimestampNs time_ns) {
  return time_ns <= 0 ? ""
                      : fmt::format("{:%H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(time_ns / kNsPerSecond)));
}

std::string duration_text(std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 3600;
  return seconds < kMinute ? fmt::format("{} s", seconds)
         : seconds < kHour ? fmt::format("{} m {:02} s", seconds / kMinute, seconds % kMinute)
                           : fmt::format("{} h {:02} m", seconds / kHour, seconds % kHour / kMinute);
}

std::string ports_text(const Snapshot& snapshot) {
  std::vector<std::string> names;
  for (const Attachment& attachment : snapshot.attachments) {
    if (std::find(names.begin(), names.end(), attachment.interface) == names.end()) {
      names.push_back(attachment.interface);
    }
  }
  constexpr std::size_t kMost = 3;
  std::string text;
  for (std::size_t number = 0; number < std::min(names.size(), kMost); ++number) {
    text += (text.empty() ? "" : ",") + names[number];
  }
  return text + (names.size() > kMost ? fmt::format(" and {} more", names.size() - kMost) : "");
}

std::string firewall_text(const RunStatus& status) {
  if (!status.firewall) {
    return "firewall no";
  }
  if (!status.summary) {
    return "firewall yes";
  }
  return fmt::format("firewall yes ({} rules, {} blocked)",
                     status.summary->ingress.rules + status.summary->egress.rules, status.summary->blocked);
}

std::string title_text(const View& view, std::size_t width) {
  if (!view.snapshot()) {
    return fitted(" nicsentry top", width);
  }
  const Snapshot& now = *view.snapshot();
  const std::string run = printable(fmt::format(
      " nicsentry {}{}  {}  {}  window {}, {}", now.version, now.pid != 0 ? fmt::format(" run {}", now.pid) : "",
      ports_text(now), firewall_text(now.status), now.table.window, duration_text(now.table.elapsed)));
  const std::string right = (view.paused() ? "PAUSED " : "") + clock_text(now.table.time_ns) + " ";
  return right.size() + 1 >= width ? fitted(run, width) : fitted(run, width - right.size()) + right;
}

std::string attachment_text(const Attachment& attachment, std::size_t width) {
  const Second now = attachment.seconds.empty() ? Second{} : attachment.seconds.back();
  constexpr double kBits = 8;
  constexpr std::size_t kNameWidth = 16;
  constexpr std::size_t kWide = 110;
  const std::string name =
      fmt::format("{} {} ({})", attachment.interface, attachment.hook == "tc-egress" ? "out" : "in", attachment.mode);
  std::string text =
      fmt::format(" {} {:>6} pkt/s {:>6} bit/s  dropped {:>6} pkt/s ", fitted_at_middle(printable(name), kNameWidth),
                  short_number(now.packets), short_number(kBits * now.bytes), short_number(now.packets_dropped));
  if (width >= kWide) {
    text += fmt::format("{:>6} bit/s ", short_number(kBits * now.bytes_dropped));
  }
  constexpr std::size_t kBrackets = 2;
  constexpr std::size_t kMinute = 60;
  if (text.size() + kBrackets + 1 >= width) {
    return fitted(text, width);
  }
  const std::size_t bar = std::min(width - text.size() - kBrackets, kMinute);
  return fitted(text + "[" + history_bar(attachment.seconds, bar) + "]", width);
}

std::string subtitle_text(const View& view, std::size_t width) {
  const Question& question = view.shown_question();
  const Table& table = view.snapshot()->table;
  const std::string of = question.by.empty() ? (table.total == 1 ? "session" : "sessions")
                                             : (table.total == 1 ? "group by " : "groups by ") + question.by;
  std::string text =
      fmt::format(" {} {}, by {}{}", table.total, of, question.sort, question.reversed ? ", reversed" : "");
  if (!question.filter.empty()) {
    text += "; filter: " + question.filter;
  }
  const bool waits = !view.question().same_rows(question);
  return fitted(printable(text + (waits ? " ..." : "")), width);
}

const char* keys_text(View::Mode mode) {
  switch (mode) {
    case View::Mode::help:
    case View::Mode::message:
      return " Up/Down scroll  any other key: back";
    case View::Mode::filter:
      return " Enter: use it  Esc: leave it  Ctrl-U: empty";
    case View::Mode::sort:
    case View::Mode::group:
      return " Up/Down choose  Enter: use it  Esc: leave it";
    case View::Mode::confirm:
      return " y: yes  n, Esc: no";
    case View::Mode::table:
      break;
  }
  return " q quit  s sort  r reverse  g group  f filter  b block  u unblock  p pause  ? help";
}

// Builds a frame from the top; the last two lines are the note and the keys.
class FrameBuilder {
 public:
  FrameBuilder(const View& view, ScreenSize size) : view_(view), size_(size) {}

  Frame build() {
    add(title_text(view_, size_.columns), Style::title);
    add_alerts();
    if (view_.snapshot()) {
      add_attachments();
    }
    add_body();
    frame_.lines.resize(size_.lines - 2);
    add_note();
    add(fitted(keys_text(view_.mode()), size_.columns), Style::title);
    return std::move(frame_);
  }

 private:
  void add(std::string text, Style style = Style::plain) {
    frame_.lines.push_back({fitted(std::move(text), size_.columns), style});
  }

  std::size_t room() const { return size_.lines - 2 - frame_.lines.size(); }

  void add_alerts() {
    const std::vector<std::string> wrong = alerts(view_);
    const std::size_t shown = wrong.size() > kMostAlerts ? kMostAlerts - 1 : wrong.size();
    for (std::size_t number = 0; number < shown; ++number) {
      add(" " + printable(wrong[number]), Style::alert);
    }
    if (shown < wrong.size()) {
      add(fmt::format(" and {} more: nicsentry status", wrong.size() - shown), Style::alert);
    }
  }

  void add_attachments() {
    const std::vector<Attachment>& all = view_.snapshot()->attachments;
    const std::size_t most = std::max<std::size_t>(size_.lines / 6, 2);
    const std::size_t shown = all.size() > most ? most - 1 : all.size();
    for (std::size_t number = 0; number < shown; ++number) {
      add(attachment_text(all[number], size_.columns));
    }
    if (shown < all.size()) {
      add(fmt::format(" and {} hooks more", all.size() - shown), Style::dim);
    }
  }

  void add_body() {
    switch (view_.mode()) {
      case View::Mode::help:
        return add_text(lines_of(kHelp, size_.columns - 2));
      case View::Mode::message:
        return add_text(lines_of(view_.text(), size_.columns - 2));
      case View::Mode::sort:
      case View::Mode::group:
        return add_menu();
      case View::Mode::confirm:
        if (!view_.text().empty()) {
          return add_text(lines_of(view_.text(), size_.columns - 2));
        }
        break;
      case View::Mode::filter:
      case View::Mode::table:
        break;
    }
    add_table();
  }

  void add_text(const std::vector<std::string>& lines) {
    add("");
    const std::size_t height = room();
    frame_.page = height;
    frame_.scroll_end = lines.size() > height ? lines.size() - height : 0;
    const std::size_t from = std::min(view_.scrolled(), frame_.scroll_end);
    for (std::size_t number = from; number < std::min(lines.size(), from + height); ++number) {
      add(" " + lines[number]);
    }
  }

  void add_menu() {
    const Menu& menu = view_.menu();
    add("");
    add(" " + menu.title, Style::heading);
    const std::size_t height = room();
    frame_.page = height;
    const std::size_t from = menu.chosen >= height ? menu.chosen + 1 - height : 0;
    for (std::size_t number = from; number < std::min(menu.shown.size(), from + height); ++number) {
      add("   " + printable(menu.shown[number]), number == menu.chosen ? Style::selected : Style::plain);
    }
  }

  void add_table() {
    if (!view_.snapshot()) {
      return add(view_.failure().empty() ? " asking the run ..." : "");
    }
    const Table& table = view_.snapshot()->table;
    add(subtitle_text(view_, size_.columns), Style::dim);
    const std::size_t height = room() - 1;
    frame_.page = height;
    const std::size_t first = std::min(view_.first(), table.rows.size());
    const auto shown = std::span(table.rows).subspan(first, std::min(height, table.rows.size() - first));
    const TableText text = table_text(shown, view_.shown_question().by, size_.columns);
    add(text.titles, Style::heading);
    for (std::size_t number = 0; number < shown.size(); ++number) {
      add(text.rows[number], first + number == view_.selected() ? Style::selected
                             : shown[number].dropped            ? Style::alert
                                                                : Style::plain);
    }
    if (shown.empty()) {
      add(view_.shown_question().filter.empty() ? " no session in this window so far"
                                                : " no session in this window so far matches the filter",
          Style::dim);
    }
  }

  void add_note() {
    if (view_.mode() == View::Mode::filter) {
      add_filter_line();
    } else if (view_.mode() == View::Mode::confirm) {
      add(" " + printable(view_.command_of(view_.change())) +
              (view_.change().yes ? "   do it all the same? (y/n)" : "   do it? (y/n)"),
          Style::alert);
    } else if (!view_.note().empty()) {
      add(" " + printable(view_.note()), view_.note_is_error() ? Style::error : Style::plain);
    } else if (const Row* row = view_.selected_row(); row != nullptr && view_.mode() == View::Mode::table) {
      const Table& table = view_.snapshot()->table;
      add(fmt::format(" {}/{}  {}", view_.selected() + 1, table.total, whole_text(*row)), Style::dim);
    } else {
      add("");
    }
  }

  void add_filter_line() {
    constexpr std::string_view kPrompt = " filter: ";
    const std::size_t width = size_.columns - kPrompt.size() - 1;
    const std::size_t cursor = view_.input().cursor();
    const std::size_t from = cursor > width ? cursor - width : 0;
    frame_.cursor = {frame_.lines.size(), kPrompt.size() + cursor - from};
    add(std::string(kPrompt) + view_.input().text().substr(from, width));
  }

  const View& view_;
  ScreenSize size_;
  Frame frame_;
};

Frame too_small(ScreenSize size) {
  const std::string text =
      fmt::format("nicsentry top needs {} columns and {} lines; this terminal has {} and {}. q: quit",
                  kLeastSize.columns, kLeastSize.lines, size.columns, size.lines);
  Frame frame;
  const std::size_t width = std::max<std::size_t>(size.columns, 1);
  for (std::size_t from = 0; from < text.size() && frame.lines.size() < size.lines; from += width) {
    frame.lines.push_back({text.substr(from, width)});
  }
  frame.lines.resize(size.lines);
  return frame;
}

std::uint64_t lost_lately(const Attachment& attachment) {
  std::uint64_t lost = 0;
  for (const Second& second : attachment.seconds) {
    lost += second.lost_events;
  }
  return lost;
}

void add_status_alerts(const RunStatus& status, std::vector<std::string>& wrong) {
  for (const ListedOutage& outage : status.outages) {
    wrong.push_back(
        fmt::format("{} {}, mode {}: NOT ON ITS HOOK: {}", outage.interface, outage.hook, outage.mode, outage.reason));
  }
  for (const auto* places : {&status.enforced.ingress, &status.enforced.egress}) {
    for (const EnforcedPlace& place : *places) {
      if (place.failing) {
        wrong.push_back("the last changes of the firewall are NOT in force on " + place.attachment + ": " +
                        *place.failing);
      }
    }
  }
  if (status.summary && status.summary->unconfirmed) {
    wrong.push_back(fmt::format("{} is taken back in {:.0f} s unless confirmed: nicsentry rules confirm",
                                status.summary->unconfirmed->what,
                                std::max(status.summary->unconfirmed->seconds, 0.0)));
  }
  if (status.enforced.unsaved) {
    wrong.push_back("NOT SAVED: " + *status.enforced.unsaved);
  }
  if (status.windows_lost != 0) {
    wrong.push_back(
        fmt::format("{} window{} not written to files", status.windows_lost, status.windows_lost == 1 ? "" : "s"));
  }
  for (const std::string& output : status.ended_outputs) {
    wrong.push_back("nobody reads " + output + " any more");
  }
}

}  // namespace

std::vector<std::string> alerts(const View& view) {
  std::vector<std::string> wrong;
  if (!view.failure().empty()) {
    const std::string& why = view.failure();
    wrong.push_back("NO CONNECTION, trying again: " + why.substr(0, why.find('\n')));
  }
  if (view.snapshot()) {
    add_status_alerts(view.snapshot()->status, wrong);
    for (const Attachment& attachment : view.snapshot()->attachments) {
      if (const std::uint64_t lost = lost_lately(attachment)) {
        wrong.push_back(fmt::format("{} {}: {} event{} LOST in the last minute", attachment.interface, attachment.hook,
                                    lost, lost == 1 ? "" : "s"));
      }
    }
  }
  return wrong;
}

std::string history_bar(const std::vector<Second>& seconds, std::size_t width) {
  constexpr std::string_view kLevels = " .:-=+*#%@";
  constexpr std::size_t kMinute = 60;
  double most = 0;
  for (const Second& second : seconds) {
    most = std::max(most, second.packets);
  }
  std::string bar(width, ' ');
  for (std::size_t place = 0; place < width && most > 0; ++place) {
    // Parts of the minute that ends with the newest second; a younger run has no older ones.
    const std::size_t newest = place * kMinute / width;
    const std::size_t oldest = std::max((place + 1) * kMinute / width, newest + 1);
    double largest = 0;
    for (std::size_t age = newest; age < std::min(oldest, seconds.size()); ++age) {
      largest = std::max(largest, seconds[seconds.size() - 1 - age].packets);
    }
    const auto level = static_cast<std::size_t>(std::ceil(largest / most * static_cast<double>(kLevels.size() - 1)));
    bar[width - 1 - place] = kLevels[std::min(level, kLevels.size() - 1)];
  }
  return bar;
}

Frame lay_out(const View& view, ScreenSize size) {
  if (size.columns < kLeastSize.columns || size.lines < kLeastSize.lines) {
    return too_small(size);
  }
  return FrameBuilder(view, size).build();
}

}  // namespace nicsentry::top
