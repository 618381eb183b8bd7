// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/view.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "host/report/table_order.h"

namespace nicsentry::top {
namespace {

using Named = Key::Named;

constexpr std::size_t kMostRows = 1000;  // that the run gives

// Without a title for what sessions have in common: it is shown as it is asked for.
std::string grouping_shown(const std::string& by) { return by.empty() ? "sessions, each on its own" : by; }

bool is_character(Key key, std::string_view among) {
  return key.named == Named::character && among.find(key.character) != std::string_view::npos;
}

}  // namespace

View::View(Options options)
    : interface_(std::move(options.interface)),
      lifetime_(std::move(options.lifetime)),
      groupings_{"", "src", "dst", "dport", "proto"},
      question_(std::move(options.question)),
      shown_question_(question_) {
  if (std::find(groupings_.begin(), groupings_.end(), question_.by) == groupings_.end()) {
    groupings_.push_back(question_.by);
  }
}

void View::take(const Question& question, Snapshot snapshot) {
  failure_.clear();
  // An answer to what is not asked any more tells of the ports only.
  const bool is_asked = question == question_;
  const bool stays = snapshot_ && (!is_asked || (paused_ && question == shown_question_));
  if (stays) {
    snapshot_->status = std::move(snapshot.status);
    if (!paused_) {
      snapshot_->attachments = std::move(snapshot.attachments);
    }
    return;
  }
  shown_question_ = question;
  snapshot_ = std::move(snapshot);
  const std::vector<Row>& shown = snapshot_->table.rows;
  if (to_end_) {
    to_end_ = false;
    move_to(rows());
    return;
  }
  const auto same = followed_.empty() ? shown.end() : std::find_if(shown.begin(), shown.end(), [this](const Row& row) {
    return row.id() == followed_;
  });
  if (same != shown.end()) {
    selected_ = static_cast<std::size_t>(same - shown.begin());
  } else {
    followed_.clear();
  }
  scroll();
}

void View::take_refusal(const Question& question, const std::string& why) {
  failure_.clear();
  if (question == question_) {
    question_ = shown_question_;
    tell(why, true);
  }
}

void View::take_failure(const std::string& why) { failure_ = why; }

void View::take_result(const ChangeResult& result) {
  if (result.lock_out && !result.change.yes) {
    change_ = result.change;
    change_.yes = true;
    show_text(Mode::confirm, result.text);
    return;
  }
  if (result.text.find('\n') != std::string::npos) {
    show_text(Mode::message, result.text);
    return;
  }
  tell(result.text, !result.done);
}

const Row* View::selected_row() const { return selected_ < rows() ? &snapshot_->table.rows[selected_] : nullptr; }

std::string View::command_of(const Change& change) const {
  const bool blocks = change.kind == Change::Kind::block;
  return std::string("nicsentry ") + (blocks ? "block " : "unblock ") + change.address +
         (blocks && !lifetime_.empty() ? " --for " + lifetime_ : "") + (change.yes ? " --yes" : "") +
         (interface_.empty() ? "" : " -i " + interface_);
}

Reaction View::press(Key key) {
  if (key.named == Named::interrupt) {
    return Reaction::quit;
  }
  if (key.named == Named::redraw) {
    return Reaction::redraw;
  }
  note_.clear();
  switch (mode_) {
    case Mode::help:
    case Mode::message:
      return press_in_text(key);
    case Mode::filter:
      return press_in_filter(key);
    case Mode::sort:
    case Mode::group:
      return press_in_menu(key);
    case Mode::confirm:
      return press_in_confirm(key);
    case Mode::table:
      break;
  }
  return press_in_table(key);
}

Reaction View::press_in_table(Key key) {
  switch (key.named) {
    case Named::up:
      move_to(selected_ == 0 ? 0 : selected_ - 1);
      break;
    case Named::down:
      move_to(selected_ + 1);
      break;
    case Named::page_up:
      move_to(selected_ > page_ ? selected_ - page_ : 0);
      break;
    case Named::page_down:
      move_to(selected_ + page_);
      break;
    case Named::home:
      move_to(0);
      followed_.clear();  // whichever row is the first
      break;
    case Named::end:
      if (snapshot_ && question_.limit < kMostRows && snapshot_->table.total > rows()) {
        to_end_ = true;
        Question longer = question_;
        longer.limit = kMostRows;
        return ask(longer);
      }
      move_to(rows());
      break;
    case Named::escape:
      followed_.clear();
      break;
    case Named::character:
      return press_letter(key.character);
    default:
      return Reaction::show;
  }
  // Before the selection reaches the last row of those that were asked for.
  if (snapshot_ && selected_ + page_ + 1 >= rows() && snapshot_->table.total > rows() && question_.limit < kMostRows) {
    Question longer = question_;
    longer.limit = kMostRows;
    return ask(longer);
  }
  return Reaction::show;
}

Reaction View::press_letter(char letter) {
  Question changed = question_;
  switch (letter) {
    case 'q':
      return Reaction::quit;
    case '?':
    case 'h':
      show_text(Mode::help, {});
      return Reaction::show;
    case 's':
      open_menu(Mode::sort);
      return Reaction::show;
    case 'g':
      open_menu(Mode::group);
      return Reaction::show;
    case 'r':
      changed.reversed = !changed.reversed;
      return ask(changed);
    case 'f':
    case '/':
      input_ = InputLine(question_.filter);
      mode_ = Mode::filter;
      return Reaction::show;
    case 'p':
    case ' ':
      paused_ = !paused_;
      return paused_ ? Reaction::show : Reaction::ask;
    case 'b':
      return begin_change(Change::Kind::block);
    case 'u':
      return begin_change(Change::Kind::unblock);
    case 'k':
      return press_in_table({Named::up});
    case 'j':
      return press_in_table({Named::down});
    default:
      tell(std::string("no key '") + letter + "'; ? shows the keys", true);
      return Reaction::show;
  }
}

Reaction View::press_in_text(Key key) {
  switch (key.named) {
    case Named::up:
      scroll_text(-1);
      return Reaction::show;
    case Named::down:
      scroll_text(1);
      return Reaction::show;
    case Named::page_up:
      scroll_text(-static_cast<std::ptrdiff_t>(page_));
      return Reaction::show;
    case Named::page_down:
      scroll_text(static_cast<std::ptrdiff_t>(page_));
      return Reaction::show;
    default:
      mode_ = Mode::table;
      return Reaction::show;
  }
}

Reaction View::press_in_filter(Key key) {
  switch (key.named) {
    case Named::character:
      input_.insert(key.character);
      break;
    case Named::left:
      input_.left();
      break;
    case Named::right:
      input_.right();
      break;
    case Named::home:
    case Named::line_start:
      input_.home();
      break;
    case Named::end:
    case Named::line_end:
      input_.end();
      break;
    case Named::backspace:
      input_.remove_before();
      break;
    case Named::remove:
      input_.remove_at();
      break;
    case Named::clear_line:
      input_ = InputLine();
      break;
    case Named::escape:
      mode_ = Mode::table;
      break;
    case Named::enter: {
      mode_ = Mode::table;
      Question changed = question_;
      changed.filter = input_.text();
      return ask(changed);
    }
    default:
      break;
  }
  return Reaction::show;
}

Reaction View::press_in_menu(Key key) {
  const std::size_t last = menu_.words.size() - 1;
  if (key.named == Named::up || is_character(key, "k")) {
    menu_.chosen -= menu_.chosen == 0 ? 0 : 1;
  } else if (key.named == Named::down || is_character(key, "j") || is_character(key, mode_ == Mode::sort ? "s" : "g")) {
    menu_.chosen = menu_.chosen == last ? 0 : menu_.chosen + 1;
  } else if (key.named == Named::home || key.named == Named::page_up) {
    menu_.chosen = 0;
  } else if (key.named == Named::end || key.named == Named::page_down) {
    menu_.chosen = last;
  } else if (key.named == Named::escape || is_character(key, "q")) {
    mode_ = Mode::table;
  } else if (key.named == Named::enter) {
    Question changed = question_;
    const std::string word = menu_.words[menu_.chosen];
    if (mode_ == Mode::sort) {
      changed.sort = word;
    } else {
      changed.by = word;
      const std::vector<std::string> words = table_order_words(!word.empty());
      if (std::find(words.begin(), words.end(), changed.sort) == words.end()) {
        changed.sort = "rate";  // the other table has no such column
      }
    }
    mode_ = Mode::table;
    return ask(changed);
  }
  return Reaction::show;
}

Reaction View::press_in_confirm(Key key) {
  if (is_character(key, "yY")) {
    mode_ = Mode::table;
    tell(command_of(change_) + " ...", false);
    return Reaction::change;
  }
  if (is_character(key, "nNq") || key.named == Named::escape) {
    mode_ = Mode::table;
    tell("nothing was changed", false);
  } else if (key.named == Named::up || key.named == Named::down) {
    scroll_text(key.named == Named::up ? -1 : 1);
  }
  return Reaction::show;
}

Reaction View::ask(const Question& question) {
  const bool same = question.same_rows(question_);
  question_ = question;
  if (!same) {
    question_.limit = Question().limit;
    followed_.clear();
    selected_ = 0;
    first_ = 0;
  }
  return Reaction::ask;
}

Reaction View::begin_change(Change::Kind kind) {
  const Row* row = selected_row();
  const char* verb = kind == Change::Kind::block ? "block" : "unblock";
  if (row == nullptr) {
    tell(std::string("no row to ") + verb, true);
  } else if (!snapshot_->status.firewall) {
    tell("the run has no firewall: start it with --rules FILE, --state DIR or --firewall", true);
  } else if (row->source.empty()) {
    tell(std::string("a row here is no source to ") + verb + ": press g and choose sessions or src", true);
  } else {
    change_ = {kind, row->source, false};
    followed_ = row->id();
    show_text(Mode::confirm, {});
  }
  return Reaction::show;
}

void View::open_menu(Mode mode) {
  menu_ = {};
  const bool sorts = mode == Mode::sort;
  menu_.title = sorts ? "Sort by" : "Group by";
  menu_.words = sorts ? table_order_words(!question_.by.empty()) : groupings_;
  for (const std::string& word : menu_.words) {
    menu_.shown.push_back(sorts ? word : grouping_shown(word));
  }
  const auto now = std::find(menu_.words.begin(), menu_.words.end(), sorts ? question_.sort : question_.by);
  menu_.chosen = now != menu_.words.end() ? static_cast<std::size_t>(now - menu_.words.begin()) : 0;
  mode_ = mode;
}

void View::tell(const std::string& text, bool is_error) {
  note_ = text;
  note_is_error_ = is_error;
}

void View::move_to(std::size_t row) {
  selected_ = rows() == 0 ? 0 : std::min(row, rows() - 1);
  const Row* now = selected_row();
  followed_ = now != nullptr ? now->id() : "";
  scroll();
}

void View::scroll() {
  selected_ = rows() == 0 ? 0 : std::min(selected_, rows() - 1);
  const std::size_t page = std::max<std::size_t>(page_, 1);
  first_ = std::min(first_, selected_);
  if (selected_ >= first_ + page) {
    first_ = selected_ + 1 - page;
  }
  if (rows() <= first_ + page) {
    first_ = std::min(first_, rows() > page ? rows() - page : 0);
  }
}

bool View::fit(std::size_t page, std::size_t scroll_end) {
  const auto shown = [this] { return std::array{page_, first_, selected_, scrolled_}; };
  const auto before = shown();
  page_ = page;
  scroll_end_ = scroll_end;
  scrolled_ = std::min(scrolled_, scroll_end_);
  scroll();
  return shown() != before;
}

void View::scroll_text(std::ptrdiff_t lines) {
  const std::ptrdiff_t now = static_cast<std::ptrdiff_t>(scrolled_) + lines;
  scrolled_ = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(now, 0, static_cast<std::ptrdiff_t>(scroll_end_)));
}

void View::show_text(Mode mode, std::string text) {
  mode_ = mode;
  text_ = std::move(text);
  scrolled_ = 0;
}

}  // namespace nicsentry::top
