// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/open_window.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "host/analysis/monitor.h"

namespace nicsentry {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kBitsPerByte = 8;

// The accounting of a session may have moved on since its counters were read: nothing is left of them then.
std::uint64_t counted_since(std::uint64_t now, std::uint64_t last) { return now - std::min(now, last); }

LiveRate rate_of(const Amount& amount, TimestampNs length_ns) {
  const double seconds = static_cast<double>(length_ns) / kNsPerSecond;
  return {static_cast<double>(amount.packets) / seconds, kBitsPerByte * static_cast<double>(amount.bytes) / seconds};
}

// As SessionRegistry::note_unseen() has it, for a row.
void note_unseen_in_row(SessionWindow& row, TimestampNs after_ns, TimestampNs now_ns) {
  if (row.first_packet_ns == 0) {
    row.first_packet_ns = row.last_packet_ns = after_ns;
  }
  if (now_ns > row.last_packet_ns) {
    row.last_packet_uncertainty_ns = now_ns - std::max(after_ns, row.last_packet_ns);
    row.last_packet_ns = now_ns;
  }
}

}  // namespace

OpenWindow::OpenWindow(Monitor& monitor, TimestampNs start_ns, TimestampNs read_ns)
    : monitor_(monitor), start_ns_(start_ns), read_ns_(read_ns), rows_(monitor.registry_.open_rows()) {
  rates_.resize(rows_.size());
}

LiveSessions OpenWindow::read(Monitor& monitor, std::uint64_t number, TimestampNs start_ns, TimestampNs read_ns,
                              const CounterReadings& readings) {
  if (monitor.closing_) {
    throw std::logic_error("a window was read while it closes");
  }
  read_ns = std::max(read_ns, start_ns);
  OpenWindow open(monitor, start_ns, read_ns);
  LiveSessions live;
  live.window.number = number;
  live.window.start_ns = start_ns;
  live.window.end_ns = read_ns;
  const CounterReading nothing;
  for (const auto& attachment : monitor.attachments_) {
    const auto found = attachment->ended() ? readings.end() : readings.find(attachment->counter_reader().get());
    live.window.attachments.push_back(open.add(*attachment, found != readings.end() ? *found->second : nothing));
  }
  live.window.sessions = std::move(open.rows_);
  live.rates = std::move(open.rates_);
  return live;
}

Accounting OpenWindow::add(Attachment& attachment, const CounterReading& reading) {
  Accounting accounting = attachment.ended() ? attachment.accounting() : attachment.accounting_so_far();
  const AttachmentSessions& sessions = attachment.sessions();
  const auto read = static_cast<std::uint32_t>(reading.now.size());
  for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
    if (!sessions.used(id)) {
      continue;
    }
    const AttachmentSessions::Entry& entry = sessions.entry(id);
    std::array<Amount, 2> counted{};
    for (const std::size_t end : {0U, 1U}) {
      for (const unsigned half : {0U, 1U}) {
        if (id < read) {
          const session_counters& now = reading.values[std::size_t{2} * id + half];
          counted[end].packets += counted_since(now.packets[end], entry.last[half].packets[end]);
          counted[end].bytes += counted_since(now.bytes[end], entry.last[half].bytes[end]);
        }
      }
      // Events may tell of packets behind the reading.
      counted[end].packets = std::max(counted[end].packets, entry.noted[end].packets);
      counted[end].bytes = std::max(counted[end].bytes, entry.noted[end].bytes);
    }
    const std::uint64_t packets = counted[0].packets + counted[1].packets;
    if (packets != 0) {
      add_counted(attachment, entry, counted);
      accounting.on_sessions.packets += packets;
      accounting.on_sessions.bytes += counted[0].bytes + counted[1].bytes;
    }
    accounting.sessions_active += packets != 0 || entry.active ? 1 : 0;
    if (id < read && id < reading.before.size()) {
      add_rate(*entry.session, reading, id);
    }
  }
  return accounting;
}

std::size_t OpenWindow::row_of(const Session& session) {
  if (session.active) {
    return session.active_index;
  }
  const auto [found, is_new] = others_.try_emplace(&session, rows_.size());
  if (is_new) {
    rows_.push_back(SessionRegistry::open_row(session));
    rates_.emplace_back();
  }
  return found->second;
}

void OpenWindow::add_counted(const Attachment& attachment, const AttachmentSessions::Entry& entry,
                             const std::array<Amount, 2>& counted) {
  SessionWindow& row = rows_[row_of(*entry.session)];
  const auto server = static_cast<std::size_t>(row.server_direction);
  row.packets_server += counted[server].packets;
  row.bytes_server += counted[server].bytes;
  row.packets_client += counted[1 - server].packets;
  row.bytes_client += counted[1 - server].bytes;
  const CountingPlace place = attachment.place();
  row.places |= place.bit;
  if (place.out) {
    row.out.packets += counted[0].packets + counted[1].packets;
    row.out.bytes += counted[0].bytes + counted[1].bytes;
  }
  if (counted[0].packets + counted[1].packets > entry.seen) {
    note_unseen_in_row(row, std::max({start_ns_, entry.looked_ns, row.last_packet_ns}), read_ns_);
  }
}

void OpenWindow::add_rate(const Session& session, const CounterReading& reading, std::uint32_t id) {
  const CounterReading::Sum& now = reading.now[id];
  const CounterReading::Sum& before = reading.before[id];
  if (before.read_ns == 0 || now.read_ns <= before.read_ns || now.packets == before.packets) {
    return;
  }
  const auto found = others_.find(&session);
  if (!session.active && found == others_.end()) {
    return;  // its packets were of the window before
  }
  rates_[session.active ? session.active_index : found->second].add(
      rate_of({now.packets - before.packets, now.bytes - before.bytes}, now.read_ns - before.read_ns));
}

void finish(LiveSessions& live, TimestampNs since_ns) {
  std::vector<SessionWindow>& sessions = live.window.sessions;
  const TimestampNs length_ns = live.window.end_ns - since_ns;
  for (std::size_t i = 0; i < sessions.size() && length_ns > 0; ++i) {
    const SessionWindow& session = sessions[i];
    if (session.first_packet_ns >= since_ns) {
      const LiveRate all = rate_of(
          {session.packets_server + session.packets_client, session.bytes_server + session.bytes_client}, length_ns);
      live.rates[i].packets_per_second = std::max(live.rates[i].packets_per_second, all.packets_per_second);
      live.rates[i].bits_per_second = std::max(live.rates[i].bits_per_second, all.bits_per_second);
    }
  }
  std::vector<std::uint32_t> order(sessions.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&sessions](std::uint32_t left, std::uint32_t right) { return sessions[left].id < sessions[right].id; });
  std::vector<SessionWindow> sorted;
  std::vector<LiveRate> rates;
  sorted.reserve(sessions.size());
  rates.reserve(sessions.size());
  for (const std::uint32_t index : order) {
    sorted.push_back(std::move(sessions[index]));
    rates.push_back(live.rates[index]);
  }
  sessions = std::move(sorted);
  live.rates = std::move(rates);
}

}  // namespace nicsentry
