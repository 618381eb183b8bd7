// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "host/analysis/packet_record.h"
#include "host/analysis/room_policy.h"
#include "host/datapath/counter_reader.h"
#include "host/datapath/event_reader.h"
#include "host/datapath/program.h"
#include "host/report/window_report.h"
#include "host/sessions/adopted_states.h"
#include "host/sessions/attachment_sessions.h"
#include "host/sessions/session.h"

namespace nicsentry {

// How reports call an attachment.
struct AttachmentName {
  std::string interface;
  std::string hook;
  std::string mode;

  std::string text() const { return interface + "/" + hook; }
};

// One program on one hook, as the controller drives it: control word, sessions, events, accounting. It works alike for
// a card, a driver and a replay. Functions that reach the maps throw SystemError. Not for several threads at once.
class Attachment {
  enum class Counters { zero, used };
  // Keeps the constructor for fresh() and adopt().
  struct Passkey {
    explicit Passkey() = default;
  };

 public:
  struct Options {
    std::uint32_t sessions = 0;    // at most so many; the program's maps may hold fewer
    FingerprintKeys keys{};        // see AttachmentSessions
    std::optional<int> processor;  // read only this one's events (test runs); none: all
    Vlans vlans = Vlans::ignored;  // part_of_sessions: for a program that knows them
    unsigned attachments = 1;      // that the process has, see EventReader
    bool cut_frames = false;       // frames that a mirror cut count by their IP length
  };

  // Drives a program that was just loaded: its maps are empty. Changes nothing in them.
  static std::unique_ptr<Attachment> fresh(AttachmentName name, Program program, const Options& options);
  // Drives a program that another controller has driven before. Reads what the slots say of connections, see
  // take_adopted_states(). Then clears the control word and every bucket of the live program, so that it counts all
  // packets as those of unknown sessions, and discards the events that are waiting. Counters keep their values and are
  // read as differences.
  static std::unique_ptr<Attachment> adopt(AttachmentName name, Program program, const Options& options);

  Attachment(Passkey passkey, AttachmentName name, Program program, const Options& options, Counters counters);

  const AttachmentName& name() const { return name_; }
  // Also in the window that is open.
  void rename_interface(const std::string& name) { name_.interface = accounting_.interface = name; }
  // Where sessions are counted: a bit of its own, 0 where more attachments than bits are in use.
  CountingPlace place() const { return {accounting_.place, out_}; }
  void set_place_bit(std::uint64_t bit) { accounting_.place = bit; }
  Program& program() { return program_; }
  const Program& program() const { return program_; }
  EventReader& reader() { return reader_; }
  AttachmentSessions& sessions() { return sessions_; }
  const AttachmentSessions& sessions() const { return sessions_; }
  // The connections that an adopted program knew when its last controller ended, if it enforces rules. Nothing is left
  // for a second call.
  AdoptedStates take_adopted_states() { return std::exchange(adopted_, {}); }
  Accounting& accounting() { return accounting_; }
  unsigned half() const { return control_.epoch & 1U; }
  std::uint32_t epoch() const { return control_.epoch; }

  // Whether the program keeps expectations: those on the host do. It also knows STATE_CLOSED.
  bool keeps_expectations() const {
    return program_.firewall() != nullptr && program_.firewall()->expectations_fd().has_value();
  }

  // Set for an attachment that is to be left out.
  bool ended() const { return ended_; }
  void end() { ended_ = true; }

  // Everything below reaches the card at once.
  void start(std::uint32_t epoch);
  void set_epoch(std::uint32_t epoch);
  void set_sampling_rate(std::uint32_t rate);  // 0..CONFIG_SHARE_ALL
  std::uint32_t sampling_rate() const { return control_.config & CONFIG_SHARE_MASK; }
  void set_partial_frames(bool partial);
  void set_keys(const FingerprintKeys& keys);
  // Leaves the program as it was before a controller drove it: control all zero, no session. A program whose firewall
  // is in force keeps it, and keeps the sessions with their states for the next controller; then only events end.
  void stop();
  void flush();  // performs the updates that sessions() has pending

  // Marks which slots and ids rest by now, without turning to another epoch.
  void mark_rest() { rest_mark_ = sessions_.rest_mark(); }
  // Turns to `epoch`, and so to the other half of the counters, and marks which slots rest by now: see
  // AttachmentSessions::RestMark.
  void begin_closing(std::uint32_t epoch);
  // The mark of begin_closing(), once. Nothing for an attachment that was added after it.
  std::optional<AttachmentSessions::RestMark> take_rest_mark() { return std::exchange(rest_mark_, std::nullopt); }
  // Part of the window that closes: begin_closing() was called, take_rest_mark() not yet.
  bool closing() const { return rest_mark_.has_value(); }
  // Events of the next window that arrived while this one is closing.
  EventBatch& deferred() { return deferred_; }

  // Gives a session counters. `states`: see SessionTable.
  std::optional<std::uint32_t> learn(Session& session, std::uint32_t states);
  Room room() const { return {sessions_.capacity(), sessions_.free_ids(), sessions_.resting_ids()}; }
  // An event of the open window arrived.
  void count_arrival(const event_header& event);
  // A session found no room; distinct ones are counted, up to a bound.
  void refuse(const SessionKey& key);

  // Fills accounting() from the totals of the half that was just left. The sessions' figures are the caller's.
  void read_totals(unsigned half);
  // Returns the accounting of the window that ends and begins a new one.
  Accounting take_accounting();
  // The accounting of the open window so far; the sessions' counters are the caller's. Changes nothing.
  Accounting accounting_so_far();

  // For readings beside the windows, see RunningTotals.
  const std::shared_ptr<CounterReader>& counter_reader();
  // Figures that only rise, without the sessions' counters: their differences are exact.
  struct RunningTotals {
    Amount in;                      // of unknown sessions and of unparsed packets, by the program's whole life
    Amount dropped;                 // likewise; they are also in one of the other counts
    Amount counters_before;         // what the sessions' counters held when they got them
    std::uint64_t lost_events = 0;  // for which the kernel had no room
    std::uint64_t sessions_new = 0;
  };
  RunningTotals running_totals();
  void count_lost_events(std::uint64_t events) { lost_events_ += events; }

 private:
  void adopt_program();
  void read_baselines();
  bool enforces() const;
  void write_control();
  void add_totals(Accounting& to, unsigned half, const Totals& now, const rule_counter& dropped,
                  const rule_counter& unjudged) const;
  rule_counter read_dropped(unsigned half) const;
  rule_counter read_unjudged(unsigned half) const;

  AttachmentName name_;
  Program program_;
  EventReader reader_;
  AttachmentSessions sessions_;
  AdoptedStates adopted_;
  Accounting accounting_;
  bool out_;  // what it counts leaves through the port
  bool cut_frames_;
  struct control control_ {};
  Vlans vlans_;
  Totals last_totals_[2]{};
  rule_counter last_dropped_[2]{};
  rule_counter last_unjudged_[2]{};
  Counters counters_;
  bool ended_ = false;
  std::optional<AttachmentSessions::RestMark> rest_mark_;
  EventBatch deferred_;
  std::unordered_set<std::uint64_t> refused_;
  std::shared_ptr<CounterReader> counter_reader_;  // once it was asked for
  Amount counters_before_;
  std::uint64_t lost_events_ = 0;
  std::uint64_t sessions_new_ = 0;  // of windows that ended
};

}  // namespace nicsentry
