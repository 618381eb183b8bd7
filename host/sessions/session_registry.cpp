// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/session_registry.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace nicsentry {
namespace {

SessionWindow row_without_packets(const Session& session) {
  SessionWindow row;
  const bool server_is_lower = session.server.server_direction == Direction::from_lower;
  const Amount& from_server = session.sent[server_is_lower ? 0 : 1];
  const Amount& from_client = session.sent[server_is_lower ? 1 : 0];
  row.id = session.id;
  row.server = server_is_lower ? session.key.lower : session.key.higher;
  row.client = server_is_lower ? session.key.higher : session.key.lower;
  row.protocol = session.key.protocol;
  row.vlans = session.key.vlans;
  row.server_method = session.server.method;
  row.server_direction = session.server.server_direction;
  row.packets_server = from_server.packets;
  row.bytes_server = from_server.bytes;
  row.packets_client = from_client.packets;
  row.bytes_client = from_client.bytes;
  row.out = session.out;
  row.places = session.places;
  row.first_packet_ns = session.first_ns;
  row.last_packet_ns = session.last_ns;
  row.last_packet_uncertainty_ns = session.last_uncertainty_ns;
  row.dropped = session.dropped;
  return row;
}

SessionWindow report(Session& session) {
  SessionWindow row = row_without_packets(session);
  row.packets = std::move(session.packets);
  std::stable_sort(row.packets.begin(), row.packets.end(),
                   [](const PacketFeatures& a, const PacketFeatures& b) { return a.timestamp_ns < b.timestamp_ns; });
  return row;
}

// Bytes of the window so far whose sequence numbers were not taken are unseen ones from now on.
void settle_numbers(Session& session, unsigned half) {
  for (const std::size_t end : {0U, 1U}) {
    std::uint64_t& numbered = session.numbered[half][end];
    const std::uint64_t taken = std::min(session.sent[end].bytes, numbered);
    session.unseen[end] += session.sent[end].bytes - taken;
    numbered -= taken;
  }
}

void clear_figures(Session& session) {
  session.sent = {};
  session.learned = {};
  session.out = {};
  session.places = 0;
  session.timed = false;
  session.last_uncertainty_ns = 0;
  session.dropped = false;
  session.packets.clear();
}

}  // namespace

SessionRegistry::SessionRegistry(Profile profile, std::uint64_t cap, std::uint64_t most_features)
    : keep_features_(has_ddos(profile)),
      cap_(cap == 0 ? std::numeric_limits<std::uint64_t>::max() : cap),
      most_features_(most_features) {}

Session* SessionRegistry::find(const SessionKey& key) {
  const auto found = sessions_.find(key);
  return found == sessions_.end() ? nullptr : found->second.get();
}

Session& SessionRegistry::add(const ParsedPacket& first) { return add(first.key.key, decide_server(first)); }

Session& SessionRegistry::add(const SessionKey& key, const ServerDecision& server) {
  auto session = std::make_unique<Session>();
  session->id = next_id_++;
  session->key = key;
  session->server = server;
  session->last_window = open_window_;
  return *(sessions_[session->key] = std::move(session));
}

void SessionRegistry::learn_server(Session& session, const ParsedPacket& packet) {
  if (session.server.method == ServerMethod::handshake || packet.protocol != Protocol::tcp) {
    return;
  }
  if (const ServerDecision decision = decide_server(packet); decision.method == ServerMethod::handshake) {
    session.server = decision;
  }
}

void SessionRegistry::begin_anew(Session& session, const ParsedPacket& first, unsigned half) {
  learn_server(session, first);  // the ports had the same roles before
  if (session.timed) {           // without a time there is no row: what was counted goes to the new session
    ended_.push_back(report(session));
    settle_numbers(session, half);
    clear_figures(session);
  }
  session.id = next_id_++;
  session.server = decide_server(first);
  session.counted = true;
}

void SessionRegistry::remove(Session& session) { sessions_.erase(SessionKey(session.key)); }

void SessionRegistry::remove_with_row(Session& session) {
  if (session.active) {
    active_[session.active_index] = active_.back();
    active_[session.active_index]->active_index = session.active_index;
    active_.pop_back();
  }
  features_ -= session.packets.size();
  remove(session);
}

void SessionRegistry::touch(Session& session) {
  if (!session.active) {
    session.active = true;
    session.active_index = active_.size();
    active_.push_back(&session);
  }
}

void SessionRegistry::note_alive(Session& session, TimestampNs time_ns) {
  session.alive_ns = std::max(session.alive_ns, time_ns);
}

bool SessionRegistry::capture(Session& session, TimestampNs timestamp_ns, const ParsedPacket& packet,
                              const event_header& event) {
  touch(session);
  if (!session.timed || timestamp_ns < session.first_ns) {
    session.first_ns = timestamp_ns;
  }
  if (!session.timed || timestamp_ns >= session.last_ns) {
    session.last_ns = timestamp_ns;
    session.last_uncertainty_ns = 0;
  }
  session.timed = true;
  session.dropped = session.dropped || (event.verdict & ACTION_DROP) != 0;
  const std::uint64_t taken = std::min<std::uint64_t>(event.segments, cap_ - session.captured);
  session.captured += taken;
  session.beyond_cap += event.segments - taken;
  if (taken == 0) {
    return false;
  }
  if (keep_features_) {
    const std::size_t before = session.packets.size();
    append_segments(packet, event, std::min(taken, most_features_ - features_), session.packets);
    for (std::size_t i = before; i < session.packets.size(); ++i) {
      session.packets[i].timestamp_ns = timestamp_ns;
    }
    const std::size_t kept = session.packets.size() - before;
    features_ += kept;
    features_left_out_ += taken - kept;
  }
  return session.captured < cap_;
}

void SessionRegistry::note_unseen(Session& session, TimestampNs after_ns, TimestampNs now_ns) {
  touch(session);
  note_alive(session, now_ns);
  if (!session.timed) {
    session.first_ns = session.last_ns = after_ns;
    session.timed = true;
  }
  if (now_ns > session.last_ns) {
    session.last_uncertainty_ns = now_ns - std::max(after_ns, session.last_ns);
    session.last_ns = now_ns;
  }
}

void SessionRegistry::count(Session& session, Direction direction, const Amount& amount, const CountingPlace& place) {
  touch(session);
  session.places |= place.bit;
  session.out.packets += place.out ? amount.packets : 0;
  session.out.bytes += place.out ? amount.bytes : 0;
  Amount& sent = session.sent[static_cast<std::size_t>(direction)];
  sent.packets += amount.packets;
  sent.bytes += amount.bytes;
}

SessionWindow SessionRegistry::open_row(const Session& session) {
  SessionWindow row = row_without_packets(session);
  if (!session.timed) {
    row.first_packet_ns = row.last_packet_ns = 0;
  }
  return row;
}

std::vector<SessionWindow> SessionRegistry::copy_ended() {
  std::vector<SessionWindow> rows;
  rows.reserve(ended_.size());
  for (SessionWindow& ended : ended_) {
    auto packets = std::exchange(ended.packets, {});  // not copied
    rows.push_back(ended);
    ended.packets = std::move(packets);
  }
  return rows;
}

std::vector<SessionWindow> SessionRegistry::close_window(std::uint64_t window, unsigned half) {
  std::vector<SessionWindow> rows = std::exchange(ended_, {});
  rows.reserve(rows.size() + active_.size());
  for (Session* session : active_) {
    rows.push_back(report(*session));
    session->last_window = window;
    session->active = false;
    settle_numbers(*session, half);
    session->numbered[half] = {};
    clear_figures(*session);
    session->captured = 0;
    session->beyond_cap = 0;
    if (session->attachments == 0) {
      remove(*session);
    }
  }
  std::sort(rows.begin(), rows.end(), [](const SessionWindow& a, const SessionWindow& b) { return a.id < b.id; });
  active_.clear();
  features_ = 0;
  open_window_ = window + 1;
  return rows;
}

}  // namespace nicsentry
