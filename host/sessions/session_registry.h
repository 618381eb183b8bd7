// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "host/packet/parser.h"
#include "host/report/profile.h"
#include "host/report/window_report.h"
#include "host/sessions/session.h"

namespace nicsentry {

// All sessions that any attachment knows, by key, and the open window's figures of them. Not for several threads at
// once.
class SessionRegistry {
 public:
  // `cap`: how many packets of a session a window captures; 0 is all.
  SessionRegistry(Profile profile, std::uint64_t cap);

  Session* find(const SessionKey& key);
  // A new session, by the first packet seen of it.
  Session& add(const ParsedPacket& first);
  // Forgets a session that no attachment has an entry of and that has nothing in the open window. References to it end.
  void remove(Session& session);

  // A packet (or a super-packet of several) of the session was seen in an event. False when the window has captured as
  // many of the session as it may, this one included: no more events of it are wanted.
  bool capture(Session& session, TimestampNs timestamp_ns, const ParsedPacket& packet, const event_header& event);
  // Packets of the session were counted that no event told of: the last came after `after_ns` and after all that was
  // seen, at the latest at `now_ns`.
  void note_unseen(Session& session, TimestampNs after_ns, TimestampNs now_ns);
  // Amounts count in the open window.
  void count(Session& session, Direction direction, const Amount& amount);

  // Ends the open window, whose number is `window`: its sessions, in order of id. The next one is open and empty.
  std::vector<SessionWindow> close_window(std::uint64_t window);

  // Every session, in no order.
  template <typename Act>
  void for_each(Act act) const {
    for (const auto& [key, session] : sessions_) {
      act(*session);
    }
  }

  std::uint64_t cap() const { return cap_; }
  std::size_t size() const { return sessions_.size(); }
  std::uint64_t ever() const { return next_id_; }

 private:
  void touch(Session& session);

  bool keep_features_;
  std::uint64_t cap_;
  std::uint64_t next_id_ = 0;
  std::unordered_map<SessionKey, std::unique_ptr<Session>, SessionKeyHash> sessions_;
  std::vector<Session*> active_;
};

}  // namespace nicsentry
