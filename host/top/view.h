// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/top/input_line.h"
#include "host/top/snapshot.h"

namespace nicsentry::top {

// A key that was pressed: one of these, or a character.
struct Key {
  enum class Named : std::uint8_t {
    character,
    up,
    down,
    left,
    right,
    page_up,
    page_down,
    home,
    end,
    enter,
    escape,
    backspace,
    remove,
    redraw,      // Ctrl-L
    interrupt,   // Ctrl-C
    line_start,  // Ctrl-A
    line_end,    // Ctrl-E
    clear_line,  // Ctrl-U
  };
  Named named = Named::character;
  char character = 0;
};

// A change of the set `blocked` that is to be made.
struct Change {
  enum class Kind : std::uint8_t { block, unblock };
  Kind kind = Kind::block;
  std::string address;
  bool yes = false;  // also if it cuts off what the host depends on
};

// How a change ended.
struct ChangeResult {
  Change change;
  bool done = false;
  bool lock_out = false;  // refused, because it cuts off what the host depends on
  std::string text;       // what is said of it; may have several lines
};

// What is to be done after a key.
enum class Reaction : std::uint8_t { none, show, redraw, ask, change, quit };

// Words that a menu offers; one is chosen.
struct Menu {
  std::string title;
  std::vector<std::string> words;  // to be asked with
  std::vector<std::string> shown;
  std::size_t chosen = 0;
};

// Everything that is on the screen, as values, and what keys do to it. It knows no terminal and no network. For one
// thread.
class View {
 public:
  enum class Mode : std::uint8_t { table, help, filter, sort, group, confirm, message };

  struct Options {
    std::string interface;  // as it was given, for the commands that are shown
    std::string lifetime;   // of blocks, as `block --for` takes it
    Question question;
  };
  explicit View(Options options);

  // An answer to `question`, what the run said against it, and that there was none.
  void take(const Question& question, Snapshot snapshot);
  void take_refusal(const Question& question, const std::string& why);
  void take_failure(const std::string& why);
  void take_result(const ChangeResult& result);

  Reaction press(Key key);

  const Question& question() const { return question_; }
  const Change& change() const { return change_; }
  // What the layout says of the screen: how many rows of the table it has, and how far a text can be scrolled. Returns
  // whether that changes what is shown.
  bool fit(std::size_t page, std::size_t scroll_end);

  Mode mode() const { return mode_; }
  const std::optional<Snapshot>& snapshot() const { return snapshot_; }
  const Question& shown_question() const { return shown_question_; }
  const std::string& failure() const { return failure_; }  // why the run does not answer; empty: it does
  bool paused() const { return paused_; }
  std::size_t selected() const { return selected_; }
  std::size_t first() const { return first_; }  // row on the screen
  const Row* selected_row() const;
  const InputLine& input() const { return input_; }
  const Menu& menu() const { return menu_; }
  // Of the mode `message`, and of a question; a note stands below the table until the next key.
  const std::string& text() const { return text_; }
  const std::string& note() const { return note_; }
  bool note_is_error() const { return note_is_error_; }
  std::size_t scrolled() const { return scrolled_; }  // lines of a text that is longer than the screen

  // "nicsentry block 192.0.2.1 --for 10m -i eth0"
  std::string command_of(const Change& change) const;

 private:
  Reaction press_in_table(Key key);
  Reaction press_in_text(Key key);
  Reaction press_in_filter(Key key);
  Reaction press_in_menu(Key key);
  Reaction press_in_confirm(Key key);
  Reaction press_letter(char letter);
  Reaction ask(const Question& question);
  Reaction begin_change(Change::Kind kind);
  void open_menu(Mode mode);
  void tell(const std::string& text, bool is_error);
  void move_to(std::size_t row);
  void scroll();
  void scroll_text(std::ptrdiff_t lines);
  void show_text(Mode mode, std::string text);
  std::size_t rows() const { return snapshot_ ? snapshot_->table.rows.size() : 0; }

  std::string interface_;
  std::string lifetime_;
  std::vector<std::string> groupings_;
  Question question_;        // that is asked
  Question shown_question_;  // that the table answers
  std::optional<Snapshot> snapshot_;
  std::string failure_;
  Mode mode_ = Mode::table;
  InputLine input_;
  Menu menu_;
  Change change_;
  std::string text_;
  std::string note_;
  bool note_is_error_ = false;
  bool paused_ = false;
  bool to_end_ = false;  // with the next answer: it has more rows
  std::size_t page_ = 10;
  std::size_t selected_ = 0;
  std::size_t first_ = 0;
  std::size_t scrolled_ = 0;
  std::size_t scroll_end_ = 0;
  std::string followed_;  // the row that stays selected wherever it goes; empty: the place stays selected
};

}  // namespace nicsentry::top
