// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "host/packet/parser.h"
#include "host/report/profile.h"
#include "host/report/window_report.h"
#include "host/sessions/session.h"

namespace nicsentry {

// The sessions of all attachments by key, with their figures of the open window. Not for several threads at once.
class SessionRegistry {
 public:
  // `cap`: how many packets of a session a window captures; 0: all. `most_features`: of how many packets in all a
  // window keeps the features.
  SessionRegistry(Profile profile, std::uint64_t cap, std::uint64_t most_features = kMostFeatures);

  // A table of 65,536 sessions with 100 packets each is below this.
  static constexpr std::uint64_t kMostFeatures = std::uint64_t{1} << 23;

  Session* find(const SessionKey& key);
  // Adds a new session by its first packet.
  Session& add(const ParsedPacket& first);
  // Adds a new session of which no packet was seen.
  Session& add(const SessionKey& key, const ServerDecision& server);
  // Takes the server from a SYN or SYN+ACK where only ports had decided.
  static void learn_server(Session& session, const ParsedPacket& packet);
  // Ends the session's row: from this packet on it is another session between the same ends, with a number and a row of
  // its own. It has no packet in the open window yet. The cap goes on counting. `half`: of the window's epoch.
  void begin_anew(Session& session, const ParsedPacket& first, unsigned half);
  // Bounds the memory that such rows take in a window.
  bool has_room_for_ended() const { return ended_.size() < kEndedMost; }
  // Removes a session that no attachment has an entry of and that has nothing in the open window. References to it
  // become invalid.
  void remove(Session& session);

  // A packet of the session passed or was dropped at this time. Changes no figure of a window.
  static void note_alive(Session& session, TimestampNs time_ns);
  // Removes a session that no attachment has an entry of, and its row in the open window.
  void remove_with_row(Session& session);

  // Records the packet of an event, or the several packets that a GSO packet becomes. Returns false when the session
  // has reached the window's cap, this packet included: its further events are not needed.
  bool capture(Session& session, TimestampNs timestamp_ns, const ParsedPacket& packet, const event_header& event);
  // How many captured packets have no features, since the last call: the window had too many. They are counted as all
  // others are.
  std::uint64_t take_features_left_out() { return std::exchange(features_left_out_, 0); }
  // The session's counters have packets without events. The last one came after `after_ns` and after all packets that
  // were seen, and before `now_ns`.
  void note_unseen(Session& session, TimestampNs after_ns, TimestampNs now_ns);
  // Adds to the open window's counts.
  void count(Session& session, Direction direction, const Amount& amount, const CountingPlace& place = {});

  // Ends the open window, whose number is `window`. Returns its sessions in order of id. The next window is empty.
  // Removes the sessions that no attachment has an entry of any more: they were kept for their rows.
  // `half`: of its epoch.
  std::vector<SessionWindow> close_window(std::uint64_t window, unsigned half);

  // The sessions that have something in the open window, by their `active_index`.
  const std::vector<Session*>& active() const { return active_; }
  // The row that a session has so far, without the features of packets. Times are 0 where it has none yet.
  static SessionWindow open_row(const Session& session);
  // The rows that begin_anew() ended, likewise.
  std::vector<SessionWindow> copy_ended();

  // Every session, in no order.
  template <typename Act>
  void for_each(Act act) const {
    for (const auto& [key, session] : sessions_) {
      act(*session);
    }
  }

  // Calls act(session) for the next part of all sessions: 1 is all of them, each once. A session that is added
  // meanwhile may be left out until the next turn. `act` must not add or remove any.
  template <typename Act>
  void for_each_in_turn(double part, Act act) const {
    const std::size_t buckets = sessions_.bucket_count();
    auto visits = std::min(buckets, static_cast<std::size_t>(part * static_cast<double>(buckets)) + 1);
    for (; visits != 0; --visits) {
      next_bucket_ = next_bucket_ + 1 < buckets ? next_bucket_ + 1 : 0;
      for (auto found = sessions_.begin(next_bucket_); found != sessions_.end(next_bucket_); ++found) {
        act(*found->second);
      }
    }
  }

  std::uint64_t cap() const { return cap_; }
  std::size_t size() const { return sessions_.size(); }
  std::uint64_t ever() const { return next_id_; }

 private:
  static constexpr std::size_t kEndedMost = 65536;

  void touch(Session& session);

  bool keep_features_;
  std::uint64_t cap_;
  std::uint64_t most_features_;
  std::uint64_t features_ = 0;  // that the open window has
  std::uint64_t features_left_out_ = 0;
  std::uint64_t next_id_ = 0;
  std::uint64_t open_window_ = 0;
  mutable std::size_t next_bucket_ = 0;
  std::unordered_map<SessionKey, std::unique_ptr<Session>, SessionKeyHash> sessions_;
  std::vector<Session*> active_;
  std::vector<SessionWindow> ended_;  // rows of the open window whose sessions begin_anew() ended
};

}  // namespace nicsentry
