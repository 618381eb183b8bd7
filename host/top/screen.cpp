// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/screen.h"

#define NCURSES_NOMACROS  // its macros have names such as erase and move
#include <curses.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "host/base/error.h"

namespace nicsentry::top {
namespace {

constexpr int kControl = 0x1f;  // of a letter: its control character
constexpr int control(char letter) { return letter & kControl; }
constexpr int kEscape = 27;
constexpr int kDelete = 127;
constexpr int kEscapeDelay_ms = 25;  // after Esc, until it is no other key's first byte

enum Pair : short { kAlertPair = 1, kHeadingPair };

bool colours_are_wanted() {
  const char* unwanted = std::getenv("NO_COLOR");  // https://no-color.org: set and not empty
  return (unwanted == nullptr || *unwanted == '\0') && has_colors();
}

std::optional<Key::Named> named_key(int code) {
  using Named = Key::Named;
  switch (code) {
    case KEY_UP:
      return Named::up;
    case KEY_DOWN:
      return Named::down;
    case KEY_LEFT:
      return Named::left;
    case KEY_RIGHT:
      return Named::right;
    case KEY_PPAGE:
      return Named::page_up;
    case KEY_NPAGE:
      return Named::page_down;
    case KEY_HOME:
      return Named::home;
    case KEY_END:
      return Named::end;
    case KEY_ENTER:
    case '\n':
    case '\r':
      return Named::enter;
    case kEscape:
      return Named::escape;
    case KEY_BACKSPACE:
    case kDelete:
    case control('h'):
      return Named::backspace;
    case KEY_DC:
      return Named::remove;
    case control('l'):
      return Named::redraw;
    case control('c'):
      return Named::interrupt;
    case control('a'):
      return Named::line_start;
    case control('e'):
      return Named::line_end;
    case control('u'):
      return Named::clear_line;
    default:
      return std::nullopt;
  }
}

}  // namespace

struct Screen::Terminal {
  SCREEN* screen = nullptr;
  bool colours = false;

  attr_t attributes(Style style) const {
    switch (style) {
      case Style::title:
      case Style::selected:
        return A_REVERSE;
      case Style::heading:
        return A_BOLD;
      case Style::alert:
      case Style::error:
        return colours ? A_BOLD | static_cast<attr_t>(COLOR_PAIR(kAlertPair)) : A_BOLD;
      case Style::dim:
        return colours ? static_cast<attr_t>(COLOR_PAIR(kHeadingPair)) : A_NORMAL;
      case Style::plain:
        break;
    }
    return A_NORMAL;
  }
};

Screen::Screen() : terminal_(std::make_unique<Terminal>()) {
  // initscr() would end the process.
  terminal_->screen = newterm(nullptr, stdout, stdin);
  if (terminal_->screen == nullptr) {
    const char* name = std::getenv("TERM");
    throw Error("the terminal '" + std::string(name != nullptr ? name : "") +
                "' (TERM) is not known here, or cannot move its cursor; for lines of JSON: nicsentry watch --json");
  }
  set_term(terminal_->screen);
  cbreak();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  set_escdelay(kEscapeDelay_ms);
  terminal_->colours = colours_are_wanted() && start_color() == OK;
  if (terminal_->colours) {
    const bool own = use_default_colors() == OK;
    const short ground = own ? -1 : COLOR_BLACK;
    init_pair(kAlertPair, COLOR_RED, ground);
    init_pair(kHeadingPair, COLOR_CYAN, ground);
  }
}

Screen::~Screen() {
  endwin();
  delscreen(terminal_->screen);
}

ScreenSize Screen::size() const {
  return {static_cast<std::size_t>(getmaxx(stdscr)), static_cast<std::size_t>(getmaxy(stdscr))};
}

void Screen::draw(const Frame& frame) {
  werase(stdscr);
  for (std::size_t line = 0; line < frame.lines.size(); ++line) {
    wattrset(stdscr, static_cast<int>(terminal_->attributes(frame.lines[line].style)));
    // The last character of the last line cannot be written without scrolling; ncurses says ERR and has written it.
    mvwaddnstr(stdscr, static_cast<int>(line), 0, frame.lines[line].text.c_str(), getmaxx(stdscr));
  }
  wattrset(stdscr, A_NORMAL);
  curs_set(frame.cursor ? 1 : 0);
  if (frame.cursor) {
    wmove(stdscr, static_cast<int>(frame.cursor->first), static_cast<int>(frame.cursor->second));
  }
  wrefresh(stdscr);
}

void Screen::redraw() { clearok(stdscr, TRUE); }

void Screen::resize() {
  winsize now{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_row > 0 && now.ws_col > 0) {
    resizeterm(now.ws_row, now.ws_col);
    redraw();
  }
}

std::optional<Key> Screen::key() {
  while (true) {
    const int code = wgetch(stdscr);
    if (code == ERR) {
      return std::nullopt;
    }
    if (const auto named = named_key(code)) {
      return Key{*named};
    }
    if (code >= ' ' && code <= '~') {
      return Key{Key::Named::character, static_cast<char>(code)};
    }
  }
}

}  // namespace nicsentry::top
