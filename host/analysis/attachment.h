// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>

#include "host/datapath/event_reader.h"
#include "host/datapath/program.h"
#include "host/report/window_report.h"
#include "host/sessions/attachment_sessions.h"
#include "host/sessions/inherited_states.h"

namespace nicsentry {

// How an attachment is called in reports.
struct AttachmentName {
  std::string interface;
  std::string hook;
  std::string mode;

  std::string text() const { return interface + "/" + hook; }
};

// One program on one hook, as the controller drives it: control word, sessions, events, accounting. Whether it is on a
// card, in a driver or runs a replay makes no difference here. Throws SystemError from the maps.
class Attachment {
 public:
  // `sessions`: at most so many, no more than the program's maps hold. `cpu`: see EventReader. `counters_used`: the
  // counters may hold what somebody else had counted.
  Attachment(AttachmentName name, Program program, std::uint32_t sessions, const FingerprintKeys& keys,
             std::optional<int> cpu, bool counters_used);

  const AttachmentName& name() const { return name_; }
  Program& program() { return program_; }
  EventReader& reader() { return reader_; }
  AttachmentSessions& sessions() { return sessions_; }
  // What the program knew of connections when its last controller ended, if it enforces rules.
  InheritedStates& inherited() { return inherited_; }
  Accounting& accounting() { return accounting_; }
  unsigned half() const { return control_.epoch & 1U; }
  std::uint32_t epoch() const { return control_.epoch; }

  // Set for an attachment that is to be left out.
  bool ended() const { return ended_; }
  void end() { ended_ = true; }

  // Everything below reaches the card at once.
  void start(std::uint32_t epoch);
  void set_epoch(std::uint32_t epoch);
  void set_share(std::uint32_t share);  // 0..CONFIG_SHARE_ALL
  std::uint32_t share() const { return control_.config & CONFIG_SHARE_MASK; }
  void set_partial_frames(bool partial);
  void set_keys(const FingerprintKeys& keys);
  // As somebody's who attached it by hand: control all zero, no session left. Where a firewall is in force it stays so
  // and keeps the sessions that it knows the states of, for who takes it over; then only the events end.
  void stop();
  void flush();  // performs what sessions().writes() holds

  // Gives a session counters. `states`: see SessionTable.
  std::optional<std::uint32_t> learn(Session& session, std::uint32_t states);
  // Few counters are left to give.
  bool scarce() const;
  // Beside so many sessions that stay, few would be left.
  bool too_many(std::size_t sessions) const;
  // A session found no room; distinct ones are counted, up to a bound.
  void refuse(const SessionKey& key);

  // Fills accounting() from the totals of the half that was just left. The sessions' figures are the caller's.
  void read_totals(unsigned half);
  // Hands out the accounting of the window that ends and opens new ones.
  Accounting take_accounting();

 private:
  bool enforces() const;
  void take_over();
  void write_control();
  rule_counter read_dropped(unsigned half) const;

  AttachmentName name_;
  Program program_;
  EventReader reader_;
  AttachmentSessions sessions_;
  InheritedStates inherited_;
  Accounting accounting_;
  struct control control_ {};
  Totals last_totals_[2]{};
  rule_counter last_dropped_[2]{};
  bool counters_used_;
  bool ended_ = false;
  std::unordered_set<std::uint64_t> refused_;
};

}  // namespace nicsentry
